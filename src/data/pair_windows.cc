#include "data/pair_windows.h"

#include <numeric>

#include "data/permutation.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::data {
namespace {

constexpr uint64_t kBatchKey = 0x62617463686573;  // its own stream of the seed
constexpr size_t kPairsAtOnce = 4096;             // pairs that are read, then encoded
constexpr int64_t kPairsOfTask = 64;              // pairs of a thread's task

std::string counted(const PairWindow::Lengths& lengths) {
  return "the source has " + std::to_string(lengths.source) + " tokens and the target " +
         std::to_string(lengths.target);
}

/// Why the pair is too long, or nothing.
std::string too_long(const PairWindow::Lengths& lengths, const SequenceOptions& options) {
  const int64_t source = options.max_source_length, target = options.max_target_length;
  if (source > 0 && lengths.source > source)
    return counted(lengths) + "; max_source_length allows " + std::to_string(source);
  if (target > 0 && lengths.target > target)
    return counted(lengths) + "; max_target_length allows " + std::to_string(target);
  if (lengths.source + lengths.target > options.tokens)
    return counted(lengths) + "; a batch may have " + std::to_string(options.tokens) +
           " tokens in all";
  return "";
}

}  // namespace

void PairWindow::add(int64_t record, const std::vector<int64_t>& source,
                     const std::vector<int64_t>& target) {
  for (const auto* side : {&source, &target}) {
    for (const int64_t id : *side) tokens_.push_back(static_cast<int32_t>(id));
    starts_.push_back(tokens_.size());
  }
  records_.push_back(record);
}

void PairWindow::shrink() {
  tokens_.shrink_to_fit();
  starts_.shrink_to_fit();
  records_.shrink_to_fit();
}

size_t PairWindow::bytes() const {
  return tokens_.size() * sizeof(int32_t) + starts_.size() * sizeof(size_t) +
         records_.size() * sizeof(int64_t);
}

PairWindowReader::PairWindowReader(const TextPairs& corpus, PairCoders coders,
                                   SequenceOptions options, bool parallel)
    : reader_(corpus.read()),
      coders_(std::move(coders)),
      options_(std::move(options)),
      parallel_(parallel) {}

bool PairWindowReader::read_chunk(size_t most) {
  chunk_.resize(most);
  size_t count = 0;
  while (count < most && reader_->next(chunk_[count].text)) ++count;
  chunk_.resize(count);
  const auto tasks = (static_cast<int64_t>(count) + kPairsOfTask - 1) / kPairsOfTask;
  const auto encode = [&](int64_t task) {
    const auto end = std::min(count, static_cast<size_t>((task + 1) * kPairsOfTask));
    for (auto i = static_cast<size_t>(task * kPairsOfTask); i < end; ++i) {
      chunk_[i].source = coders_.source->encode(chunk_[i].text.source);
      chunk_[i].target = coders_.target->encode(chunk_[i].text.target);
    }
  };
  if (parallel_) {
    parallel_for(tasks, encode);
  } else {
    for (int64_t task = 0; task < tasks; ++task) encode(task);
  }
  return count > 0;
}

bool PairWindowReader::take(const Coded& pair) {
  const auto source = static_cast<int64_t>(pair.source.size());
  const auto target = static_cast<int64_t>(pair.target.size());
  if (source == 0 || target == 0) {
    if (!options_.skip_empty) {
      throw DataError(pair.text.place + ": the " + (source == 0 ? "source" : "target") +
                      " has no token; fill it in, or set skip_empty to leave such pairs out");
    }
    ++counts_.left_out_empty;
    return false;
  }
  const auto lengths = lengths_of(source, target, options_);
  if (const auto why = too_long(lengths, options_); !why.empty()) {
    if (!options_.skip_too_long) {
      throw DataError(pair.text.place + ": " + why +
                      "; raise that, or set skip_too_long to leave such pairs out");
    }
    ++counts_.left_out_longer;
    return false;
  }
  ++counts_.pairs;
  counts_.source_tokens += lengths.source;
  counts_.target_tokens += lengths.target;
  return true;
}

PairWindowPtr PairWindowReader::next(const std::atomic<bool>& stop) {
  auto window = std::make_shared<PairWindow>();
  const auto wanted = static_cast<size_t>(options_.shuffle_buffer);
  while (window->size() < wanted) {
    if (stop.load()) return nullptr;
    if (!read_chunk(std::min(kPairsAtOnce, wanted - window->size()))) break;
    for (const Coded& pair : chunk_) {
      if (take(pair)) window->add(records_, pair.source, pair.target);
      ++records_;
    }
  }
  window->shrink();
  return window->size() > 0 ? window : nullptr;
}

void PairWindowReader::skip(int64_t records) {
  TextPair pair;
  for (; records_ < records; ++records_)
    if (!reader_->next(pair)) return;
}

std::vector<std::vector<uint32_t>> plan_batches(const PairWindow& window,
                                                const SequenceOptions& options, int64_t epoch,
                                                int64_t number) {
  const auto stream = static_cast<uint32_t>(epoch), substream = static_cast<uint32_t>(number);
  const auto size = static_cast<int64_t>(window.size());
  std::vector<uint32_t> order(window.size());
  std::iota(order.begin(), order.end(), 0u);
  if (options.shuffle)
    order = permutation(size, Random(options.seed ^ kOrderKey, stream, substream));
  const auto lengths = [&](uint32_t pair) {
    return lengths_of(window.source(pair).second, window.target(pair).second, options);
  };
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const auto x = lengths(a), y = lengths(b);
    return x.target != y.target ? x.target < y.target : x.source < y.source;
  });
  std::vector<std::vector<uint32_t>> batches;
  PairWindow::Lengths most;
  for (const uint32_t pair : order) {
    const auto own = lengths(pair);
    const PairWindow::Lengths with{std::max(most.source, own.source),
                                   std::max(most.target, own.target)};
    const auto count = batches.empty() ? 0 : static_cast<int64_t>(batches.back().size());
    const bool full = (count + 1) * (with.source + with.target) > options.tokens ||
                      (options.pairs > 0 && count == options.pairs);
    if (batches.empty() || full) {
      batches.emplace_back();
      most = own;
    } else {
      most = with;
    }
    batches.back().push_back(pair);
  }
  if (!options.shuffle) return batches;
  const auto places = permutation(static_cast<int64_t>(batches.size()),
                                  Random(options.seed ^ kBatchKey, stream, substream));
  std::vector<std::vector<uint32_t>> drawn(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) drawn[places[i]] = std::move(batches[i]);
  return drawn;
}

}  // namespace heed::data
