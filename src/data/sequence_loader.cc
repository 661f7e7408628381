#include "heed/data/sequence_loader.h"

#include <torch/torch.h>

#include <future>
#include <system_error>

#include "data/pair_windows.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

/// Throws UsageError for a field out of its bounds.
struct CheckNumber {
  void operator()(const char*, const bool&, const char*) const {}
  void operator()(const char* name, const int64_t& value, const char*, const Bounds& bounds) const {
    if (!bounds.allow(static_cast<double>(value))) {
      throw UsageError(std::string("sequence loader: ") + name + ": expected " + bounds.text() +
                       ", given " + std::to_string(value));
    }
  }
};

void check(const PairCoders& coders, SequenceOptions options) {
  options.fields(CheckNumber{});
  CheckNumber{}("tokens", options.tokens, "", between(2, kMostCount));
  if (options.source_end && coders.source->end() < 0)
    throw UsageError("sequence loader: the vocabulary of the sources has no </s>");
  if (options.target_begin >= coders.target->size())
    throw UsageError("sequence loader: target_begin: expected a number below the " +
                     std::to_string(coders.target->size()) + " of the targets' vocabulary, given " +
                     std::to_string(options.target_begin));
  const bool begins = options.target_begin >= 0 || coders.target->begin() >= 0;
  if (!begins || coders.target->end() < 0)
    throw UsageError("sequence loader: the vocabulary of the targets has no " +
                     std::string(begins ? "</s>" : "<s>"));
}

/// Reads windows one after another, each a window ahead of when it is asked for.
class WindowStream {
 public:
  WindowStream(TextPairsPtr corpus, PairCoders coders, const SequenceOptions& options,
               std::vector<int64_t> first_records)
      : corpus_(std::move(corpus)),
        coders_(std::move(coders)),
        options_(options),
        first_records_(std::move(first_records)) {}
  ~WindowStream() {
    stop_ = true;  // the future's destructor waits
  }
  WindowStream(const WindowStream&) = delete;
  WindowStream& operator=(const WindowStream&) = delete;

  PairWindowPtr get(int64_t window) {
    if (!ahead_.valid() || ahead_of_ != window) {
      wait();
      start(window);
    }
    PairWindowPtr found;
    try {
      found = ahead_.get();
    } catch (...) {
      reader_.reset();
      throw;
    }
    start((window + 1) % static_cast<int64_t>(first_records_.size()));
    return found;
  }

 private:
  void wait() {
    if (!ahead_.valid()) return;
    stop_ = true;
    ahead_.wait();
    ahead_ = {};
    stop_ = false;
    reader_.reset();  // it may stand in the middle of a window
  }

  void start(int64_t window) {
    ahead_of_ = window;
    const auto work = [this, window] { return read(window); };
    try {
      ahead_ = std::async(std::launch::async, work);
    } catch (const std::system_error&) {  // no thread: read when it is asked for
      ahead_ = std::async(std::launch::deferred, work);
    }
  }

  PairWindowPtr read(int64_t window) {
    const int64_t first = first_records_[static_cast<size_t>(window)];
    if (!reader_ || reader_->records() != first) {
      reader_.emplace(*corpus_, coders_, options_, false);
      reader_->skip(first);
    }
    auto found = reader_->next(stop_);
    if (window + 1 == static_cast<int64_t>(first_records_.size())) reader_.reset();
    return found;
  }

  TextPairsPtr corpus_;
  PairCoders coders_;
  SequenceOptions options_;
  std::vector<int64_t> first_records_;  // of each window
  std::optional<PairWindowReader> reader_;
  std::atomic<bool> stop_ = false;
  int64_t ahead_of_ = -1;
  std::future<PairWindowPtr> ahead_;  // last: waits for what uses the others
};

}  // namespace

class SequenceLoader::Impl {
 public:
  Impl(TextPairsPtr corpus, PairCoders coders, const SequenceOptions& options)
      : name_(corpus->name()), coders_(std::move(coders)), options_(options) {
    check(coders_, options_);
    const std::atomic<bool> never = false;
    PairWindowReader reader(*corpus, coders_, options_, true);
    std::vector<int64_t> first_records{0};
    size_t bytes = 0;
    bool keep = true;
    while (auto window = reader.next(never)) {
      const auto planned = plan_batches(*window, options_, 0, 0).size();
      ends_.push_back(batches() + static_cast<int64_t>(planned));
      first_records.push_back(reader.records());
      bytes += window->bytes();
      keep = keep && bytes <= static_cast<size_t>(options_.memory) << 20;
      if (keep)
        kept_.push_back(std::move(window));
      else
        kept_.clear();
    }
    counts_ = reader.counts();
    if (ends_.empty()) {
      throw DataError(name_ + ": no pair is left: " + std::to_string(counts_.left_out_empty) +
                      " have an empty side, " + std::to_string(counts_.left_out_longer) +
                      " are too long");
    }
    first_records.pop_back();
    if (!keep) {
      stream_ = std::make_unique<WindowStream>(std::move(corpus), coders_, options_,
                                               std::move(first_records));
    }
  }

  std::optional<SequenceBatch> next() {
    if (cursor_.position == batches()) {
      cursor_ = {cursor_.epoch + 1, 0};
      return std::nullopt;
    }
    const auto at = std::upper_bound(ends_.begin(), ends_.end(), cursor_.position) - ends_.begin();
    load(at);
    const int64_t first = at == 0 ? 0 : ends_[static_cast<size_t>(at - 1)];
    auto batch = make(plan_[static_cast<size_t>(cursor_.position - first)]);
    ++cursor_.position;
    return batch;
  }

  const Cursor& cursor() const { return cursor_; }
  void seek(const Cursor& cursor) {
    if (cursor.epoch < 0 || cursor.epoch > UINT32_MAX || cursor.position < 0 ||
        cursor.position > batches()) {
      throw UsageError("sequence loader: no batch " + std::to_string(cursor.position) +
                       " of epoch " + std::to_string(cursor.epoch) +
                       "; expected a position in 0 .. " + std::to_string(batches()) +
                       " (does the cursor belong to other data?)");
    }
    cursor_ = cursor;
  }
  int64_t batches() const { return ends_.empty() ? 0 : ends_.back(); }
  const SequenceCounts& counts() const { return counts_; }

 private:
  /// Makes window_ and plan_ those of a window of the cursor's epoch.
  void load(int64_t at) {
    if (at == loaded_.position && cursor_.epoch == loaded_.epoch) return;
    auto window = stream_ ? (at == loaded_.position ? window_ : stream_->get(at))
                          : kept_[static_cast<size_t>(at)];
    std::vector<std::vector<uint32_t>> plan;
    if (window) plan = plan_batches(*window, options_, cursor_.epoch, at);
    const int64_t first = at == 0 ? 0 : ends_[static_cast<size_t>(at - 1)];
    const int64_t expected = ends_[static_cast<size_t>(at)] - first;
    if (static_cast<int64_t>(plan.size()) != expected) {
      throw DataError(name_ + " changed while it is used: window " + std::to_string(at) +
                      " gives " + std::to_string(plan.size()) + " batches, at first " +
                      std::to_string(expected));
    }
    window_ = std::move(window), plan_ = std::move(plan);
    loaded_ = {cursor_.epoch, at};
  }

  SequenceBatch make(const std::vector<uint32_t>& pairs) const {
    const auto count = static_cast<int64_t>(pairs.size());
    PairWindow::Lengths most;
    for (const uint32_t pair : pairs) {
      const auto own = lengths(pair);
      most = {std::max(most.source, own.source), std::max(most.target, own.target)};
    }
    const auto whole = [](std::vector<int64_t> sizes, int64_t value) {
      return torch::full(sizes, value, torch::kLong);
    };
    const int64_t source_padding = std::max<int64_t>(coders_.source->padding(), 0);
    const int64_t target_padding = std::max<int64_t>(coders_.target->padding(), 0);
    SequenceBatch batch{whole({count, most.source}, source_padding),
                        whole({count}, 0),
                        whole({count, most.target}, target_padding),
                        whole({count, most.target}, kIgnoredLabel),
                        whole({count}, 0),
                        whole({count}, 0)};
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t pair = pairs[static_cast<size_t>(i)];
      const auto own = lengths(pair);
      batch.source_lengths.data_ptr<int64_t>()[i] = own.source;
      batch.target_lengths.data_ptr<int64_t>()[i] = own.target;
      batch.indices.data_ptr<int64_t>()[i] = window_->record(pair);
      const auto [source, source_size] = window_->source(pair);
      int64_t* x = batch.source.data_ptr<int64_t>() + i * most.source;
      x = std::copy(source, source + source_size, x);
      if (options_.source_end) *x = coders_.source->end();
      const auto [target, target_size] = window_->target(pair);
      int64_t* y = batch.target.data_ptr<int64_t>() + i * most.target;
      *y = options_.target_begin >= 0 ? options_.target_begin : coders_.target->begin();
      std::copy(target, target + target_size, y + 1);
      y = std::copy(target, target + target_size,
                    batch.labels.data_ptr<int64_t>() + i * most.target);
      *y = coders_.target->end();
    }
    return batch;
  }

  PairWindow::Lengths lengths(uint32_t pair) const {
    return lengths_of(window_->source(pair).second, window_->target(pair).second, options_);
  }

  std::string name_;
  PairCoders coders_;
  SequenceOptions options_;
  SequenceCounts counts_;
  std::vector<int64_t> ends_;        // batches up to the end of each window
  std::vector<PairWindowPtr> kept_;  // all windows, or
  std::unique_ptr<WindowStream> stream_;
  Cursor cursor_;
  Cursor loaded_{-1, -1};  // epoch of plan_, number of window_
  PairWindowPtr window_;
  std::vector<std::vector<uint32_t>> plan_;
};

SequenceLoader::SequenceLoader(TextPairsPtr corpus, TokenizerPtr source, TokenizerPtr target,
                               const SequenceOptions& options)
    : impl_(std::make_unique<Impl>(std::move(corpus),
                                   PairCoders{std::move(source), std::move(target)}, options)) {}
SequenceLoader::~SequenceLoader() = default;
SequenceLoader::SequenceLoader(SequenceLoader&&) noexcept = default;
SequenceLoader& SequenceLoader::operator=(SequenceLoader&&) noexcept = default;

std::optional<SequenceBatch> SequenceLoader::next() { return impl_->next(); }
Cursor SequenceLoader::cursor() const { return impl_->cursor(); }
void SequenceLoader::seek(const Cursor& cursor) { impl_->seek(cursor); }
int64_t SequenceLoader::batches() const { return impl_->batches(); }
const SequenceCounts& SequenceLoader::counts() const { return impl_->counts(); }

std::pair<at::Tensor, at::Tensor> pad_sequences(const std::vector<std::vector<int64_t>>& sequences,
                                                int64_t padding) {
  const auto count = static_cast<int64_t>(sequences.size());
  size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  const auto width = static_cast<int64_t>(longest);
  auto tokens = torch::full({count, width}, padding, torch::kLong);
  auto lengths = torch::zeros({count}, torch::kLong);
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    std::copy(sequences[i].begin(), sequences[i].end(), tokens.data_ptr<int64_t>() + row * width);
    lengths.data_ptr<int64_t>()[row] = static_cast<int64_t>(sequences[i].size());
  }
  return {tokens, lengths};
}

}  // namespace heed::data
