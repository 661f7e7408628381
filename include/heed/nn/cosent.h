// Pairs whose cosines are to rise and fall with given scores.
#pragma once

#include <torch/types.h>

namespace heed::nn {

/// CoSENT: of two pairs the one with the higher score is to have the higher cosine,
///
///   loss = log(1 + sum_{i, j: s_i > s_j} exp((c_j - c_i) / T))
///
/// cosines c (N) floating; scores s (N) floating, of which only the order counts; temperature
/// T > 0. Pairs of equal scores are not compared; 0 where all are equal, and for N = 0.
/// Huang et al. 2024, "CoSENT: Consistent Sentence Embedding via Similarity Ranking".
///
/// -> the loss (), with gradient to the cosines. float32 or float64 (16 bits are computed in
/// float32). Throws UsageError naming the argument. Cost: O(N^2) time and memory.
at::Tensor cosent_loss(const at::Tensor& cosines, const at::Tensor& scores,
                       double temperature = 0.05);

}  // namespace heed::nn
