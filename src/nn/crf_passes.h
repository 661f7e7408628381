// The sums and maxima over all paths of a linear-chain CRF, a sequence at a time.
#pragma once

#include <torch/types.h>

namespace heed::nn {

/// What every pass reads. CPU tensors of one dtype, float32 or float64, contiguous.
struct CrfInput {
  at::Tensor emissions;                // (B, L, K)
  at::Tensor transitions, start, end;  // (K, K), (K), (K); -inf: forbidden
  at::Tensor lengths;                  // (B) int64
};

/// Zeros to begin with, in which the pass writes; undefined: not wanted.
struct CrfExpected {
  at::Tensor emissions;                // (B, L, K): p(y_t = k)
  at::Tensor transitions, start, end;  // (B, K, K), (B, K), (B, K): expected counts of a sequence
};

/// log Z of each sequence (B) float64, and what is expected; where Z is 0 that stays zero.
at::Tensor crf_log_partition(const CrfInput& in, const CrfExpected& expected);

/// The score of each sequence's tags (B) float64; 1 is subtracted from `counts` where they pass.
at::Tensor crf_path_score(const CrfInput& in, const at::Tensor& tags, const CrfExpected& counts);

/// The best tags (B, L), -1 behind lengths, and their scores (B) float64.
std::pair<at::Tensor, at::Tensor> crf_best_path(const CrfInput& in);

}  // namespace heed::nn
