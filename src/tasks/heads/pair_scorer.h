// How well a text finds the one that belongs to it among all of a split.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "heed/tasks/head.h"

namespace heed {

/// A number for each text, equal texts have the same: by their tokens.
class TextNumbers {
 public:
  /// tokens (B, L), lengths (B) of a batch -> (B) int64
  at::Tensor of(const Batch& texts);

 private:
  std::map<std::vector<int64_t>, int64_t> numbers_;
};

struct PairOutput {
  at::Tensor queries, targets;  ///< (B, W) of length 1
  Batch texts;                  ///< of the targets
};
using PairOutputOf = std::function<PairOutput(const Tokens&, const Batch&)>;

/// recall@1, recall@10 and mrr (mean reciprocal rank) of each text's pair among the pairs of all
/// examples, by cosine. A text that stands several times is one; equal cosines share their ranks.
/// The same of cosines of bags of tokens is the baseline. Cost: O(N^2 W).
std::unique_ptr<Scorer> make_pair_scorer(PairOutputOf output);

}  // namespace heed
