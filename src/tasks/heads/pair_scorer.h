// How well an example finds what belongs to it among all of a split.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "heed/tasks/head.h"

namespace heed {

/// A number for each text, equal texts have the same: by their tokens. What is no text is equal to nothing.
class TextNumbers {
 public:
  /// tokens (B, L), lengths (B) of a batch -> (B) int64
  at::Tensor of(const Batch& texts);

 private:
  std::map<std::vector<int64_t>, int64_t> numbers_;
  int64_t count_ = 0;
};

struct PairOutput {
  at::Tensor queries, targets;  ///< (B, W) of length 1
  Batch query_batch, texts;     ///< what they were made of; `texts`: the targets
};
using PairOutputOf = std::function<PairOutput(const Tokens&, const Batch&)>;

/// recall@1, recall@10 and mrr (mean reciprocal rank) of each example's pair among the pairs of all
/// examples, by cosine. A text that stands several times is one; equal cosines share their ranks.
/// The baseline: the same of cosines of bags of tokens, or of an order by chance where one side is no text. Cost: O(N^2 W).
std::unique_ptr<Scorer> make_pair_scorer(PairOutputOf output);

}  // namespace heed
