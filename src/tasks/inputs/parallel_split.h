// Pairs of texts, a source and a target each, as examples.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "heed/data/parallel_text.h"
#include "heed/data/sequence_loader.h"
#include "heed/data/tokenizer.h"
#include "heed/tasks/input.h"

namespace heed {

struct ParallelOptions {
  data::PairOptions pairs;
  data::SequenceOptions batches;
  bool share_vocabulary = false;
  data::TokenizerOptions source, target;

  template <class Visitor>
  void fields(Visitor&& v) {
    pairs.fields(v);
    batches.fields(v);
    v("share_vocabulary", share_vocabulary,
      "one tokenizer, made of both sides as input.source says");
    v("source", source, "");
    if (!share_vocabulary) v("target", target, "");
  }

  const data::TokenizerOptions& of_target() const { return share_vocabulary ? source : target; }
};

/// What splits share with their input, which learns after the first was opened.
struct ParallelState {
  ParallelOptions options;
  data::TokenizerPtr source, target;

  /// A source's tokens, with their end where the options ask for it. Throws DataError (`place`)
  /// for invalid UTF-8.
  std::vector<int64_t> tokens(const std::string& text, const std::string& place) const;
  /// The same; throws DataError for more tokens than input.max_source_length, too.
  std::vector<int64_t> encode(const std::string& text, const std::string& place) const;
};

/// Pairs in memory.
data::TextPairsPtr pairs_in_memory(std::vector<data::TextPair> pairs, std::string name);

/// An example a pair. A corpus is read into memory when its examples are first asked for by
/// number, which training in its batches does not.
class ParallelSplit : public Split {
 public:
  /// has_target: whether the targets are known.
  ParallelSplit(data::TextPairsPtr pairs, std::shared_ptr<const ParallelState> state,
                bool has_target)
      : pairs_(std::move(pairs)), state_(std::move(state)), has_target_(has_target) {}

  int64_t size() const override { return std::ssize(all()); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override { return pair(example).place; }
  Shown show(int64_t example) const override;
  bool has(const std::string& column) const override {
    return column == "source" || (has_target_ && column == "target");
  }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;

  const data::TextPairsPtr& pairs() const { return pairs_; }
  const data::TextPair& pair(int64_t example) const {
    return all().at(static_cast<size_t>(example));
  }

  /// What the batches that are made of it found.
  mutable std::optional<data::SequenceCounts> counts;

 private:
  const std::vector<data::TextPair>& all() const;

  data::TextPairsPtr pairs_;
  std::shared_ptr<const ParallelState> state_;
  bool has_target_;
  mutable std::once_flag once_;
  mutable std::vector<data::TextPair> all_;
};

}  // namespace heed
