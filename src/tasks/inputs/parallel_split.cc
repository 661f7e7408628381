#include "tasks/inputs/parallel_split.h"

#include "heed/core/error.h"
#include "tasks/inputs/placed.h"

namespace heed {
namespace {

class PairsInMemory : public data::TextPairs {
 public:
  PairsInMemory(std::vector<data::TextPair> pairs, std::string name)
      : pairs_(std::move(pairs)), name_(std::move(name)) {}

  std::unique_ptr<data::PairReader> read() const override {
    return std::make_unique<Reader>(pairs_);
  }
  std::string name() const override { return name_; }

 private:
  class Reader : public data::PairReader {
   public:
    explicit Reader(const std::vector<data::TextPair>& pairs) : pairs_(pairs) {}
    bool next(data::TextPair& pair) override {
      if (next_ == pairs_.size()) return false;
      pair = pairs_[next_++];
      return true;
    }

   private:
    const std::vector<data::TextPair>& pairs_;
    size_t next_ = 0;
  };

  std::vector<data::TextPair> pairs_;
  std::string name_;
};

}  // namespace

std::vector<int64_t> ParallelState::tokens(const std::string& text,
                                           const std::string& place) const {
  std::vector<int64_t> tokens;
  try {
    tokens = source->encode(text);
  } catch (const DataError& error) {
    throw DataError(place + ": " + error.what());
  }
  if (options.batches.source_end) tokens.push_back(source->end());
  return tokens;
}

std::vector<int64_t> ParallelState::encode(const std::string& text,
                                           const std::string& place) const {
  auto tokens = this->tokens(text, place);
  const int64_t most = options.batches.max_source_length;
  if (most == 0 || std::ssize(tokens) <= most) return tokens;
  throw DataError(place + ": the line has " + std::to_string(tokens.size()) +
                  " tokens, the model was trained for " + std::to_string(most) +
                  " at most (input.max_source_length); cut it into sentences");
}

data::TextPairsPtr pairs_in_memory(std::vector<data::TextPair> pairs, std::string name) {
  return std::make_shared<PairsInMemory>(std::move(pairs), std::move(name));
}

const std::vector<data::TextPair>& ParallelSplit::all() const {
  std::call_once(once_, [&] {
    const auto reader = pairs_->read();
    for (data::TextPair pair; reader->next(pair);) all_.push_back(pair);
  });
  return all_;
}

Batch ParallelSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<std::vector<int64_t>> tokens;
  for (const int64_t example : examples)
    tokens.push_back(state_->encode(pair(example).source, place(example)));
  auto [padded, lengths] =
      data::pad_sequences(tokens, std::max<int64_t>(0, state_->source->padding()));
  return {{{"source", padded}, {"source_lengths", lengths}}, at::tensor(examples, at::kLong)};
}

Shown ParallelSplit::show(int64_t example) const {
  Shown shown{pair(example).source};
  shown.tokenizer = word_of(state_->options.source.kind);
  const auto& tokenizer = *state_->source;
  const auto pieces = tokenizer.encode_with_offsets(shown.text);
  const data::TextOffsets characters(shown.text);
  size_t piece = 0;  // what stands before, between or behind pieces has no place
  for (const int64_t token : state_->tokens(shown.text, place(example))) {
    shown.tokens.push_back({tokenizer.piece(token)});
    auto& last = shown.tokens.back();
    last.special = token == tokenizer.end();
    if (last.special || piece >= pieces.ids.size() || pieces.ids[piece] != token) continue;
    set_place(last, characters, shown.text, pieces.offsets[piece++], 0);
  }
  return shown;
}

std::string ParallelSplit::value(int64_t example, const std::string& column, const Draw&) const {
  if (!has(column))
    throw DataError(place(example) + ": pairs of texts have no column '" + column +
                    "'; known of one are 'source'" + (has_target_ ? " and 'target'" : ""));
  return column == "source" ? pair(example).source : pair(example).target;
}

}  // namespace heed
