// Tags of a sequence scored together: a linear-chain conditional random field.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "heed/nn/tag_constraints.h"

namespace heed::nn {

struct CrfOptions {
  /* implicit */ CrfOptions(int64_t tags) : tags_(tags) {}
  TORCH_ARG(int64_t, tags);  ///< K
  TORCH_ARG(TagConstraints, constraints);
};

/// The best tags of each sequence.
struct CrfPaths {
  at::Tensor tags;   ///< (B, L) int64; -1 behind a length
  at::Tensor score;  ///< (B): of the path; -inf where every path is forbidden
};

/// With emissions x (B, L, K), lengths n (B) or undefined (all L are real), and tags y (B, L):
///
///   score(x, y) = start[y_0] + sum_{t < n} x[t, y_t] + sum_{0 < t < n} transitions[y_{t-1}, y_t]
///                 + end[y_{n-1}]
///   p(y | x) = exp(score(x, y)) / Z,    Z = sum over all allowed y of exp(score(x, y))
///
/// (Lafferty et al. 2001; as a layer over an encoder: Lample et al. 2016). What the constraints
/// forbid scores -inf: it has no probability, and its parameters no gradient. Parameters start
/// uniform in +-0.1.
///
/// Sums are taken in log space, in float64; where scores are further apart than 600, exponentials
/// of their differences in the emissions' dtype, float32 or float64 (under autocast any, taken as
/// the parameters'). Scores may be as large as the dtype holds, equal, or -inf. NaN or +inf gives
/// NaN for that sequence. What stands behind a length is never read and gets zero gradient; a
/// sequence of no tokens has nll 0. The same bits for any number of threads, and for a sequence
/// whatever stands beside it. Tensors on other devices are computed on the CPU.
///
/// Throws ModelError for constraints of another shape, UsageError for tensors of another shape or
/// dtype and for tags out of range, DataError for tags y that the constraints forbid, naming
/// sequence, token and tags. Cost: 2 B L K^2 operations, 6 B L K^2
/// with gradients (exponentials for scores far apart); memory of gradients B (L K + K^2).
class CrfImpl : public torch::nn::Cloneable<CrfImpl> {
 public:
  explicit CrfImpl(const CrfOptions& options);
  void reset() override;

  /// -log p(y | x) of each sequence (B), with gradients (once) for x and the parameters. Infinite
  /// where y has no probability.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& tags, const at::Tensor& lengths = {});
  /// Viterbi's best path; of equal ones, the lowest tags from the end. No gradient.
  CrfPaths decode(const at::Tensor& x, const at::Tensor& lengths = {});
  /// p(y_t = k | x) (B, L, K) by forward-backward; zeros behind a length. No gradient.
  at::Tensor marginals(const at::Tensor& x, const at::Tensor& lengths = {});

  CrfOptions options;
  at::Tensor transitions;  ///< (K, K): from, to
  at::Tensor start, end;   ///< (K)

 private:
  struct Scores {
    at::Tensor transitions, start, end;  // with -inf where forbidden
  };
  Scores scores() const;
  void check_allowed(const at::Tensor& tags, const at::Tensor& lengths) const;

  at::Tensor forbidden_transitions_, forbidden_start_, forbidden_end_;  // bool, or undefined
};
TORCH_MODULE(Crf);

}  // namespace heed::nn
