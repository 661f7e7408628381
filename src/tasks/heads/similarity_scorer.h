// How well cosines of pairs rise and fall with the scores that people gave them.
#pragma once

#include <memory>
#include <string>

#include "tasks/heads/pair_scorer.h"

namespace heed {

/// Spearman's and Pearson's correlation of each pair's cosine with its score, the batch's tensor
/// `scores` (B); the same of the cosines of bags of tokens is the baseline.
std::unique_ptr<Scorer> make_similarity_scorer(PairOutputOf output, std::string scores);

}  // namespace heed
