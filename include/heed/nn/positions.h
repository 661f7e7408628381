// Where a token stands: added to its vector (sinusoidal, learned) or turned into queries and keys
// (rope).
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "heed/ops/attention.h"

namespace heed::nn {

/// Whether a position is a vector that is added to tokens: sinusoidal and learned are.
bool is_additive(const Part& position);

/// p[i, 2c] = sin((first + i) / base^(2c / M)), p[i, 2c + 1] = cos of the same: (length, M),
/// float32 computed in float64. An odd M ends with a sine (Vaswani et al. 2017, 3.5).
at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width, double base);

/// x (B, H, L, D) with the pairs of its channels turned by an angle that grows with the position:
/// with a = (first + i) / base^(2c / D), the pair (x, y) number c becomes
/// (x cos a - y sin a, y cos a + x sin a), so that a dot product of two turned vectors depends on
/// their distance alone (Su et al. 2021). Pairs are channels (c, c + D/2) or, with
/// `rope(interleaved=1)`, (2c, 2c + 1). `rope` is that part of an attention. Throws ModelError when
/// D is odd.
at::Tensor rotate(const at::Tensor& x, int64_t first, const Part& rope);

/// x (B, H, L, D) with pairs of its channels turned by given angles: cos and sin broadcast to
/// (B, H, L, C), and with c and s the numbers of its place the pair (x, y) number i < C becomes
/// (x c - y s, y c + x s). The pairs lie in the first 2 C channels: (i, i + C) or, interleaved,
/// (2i, 2i + 1). The rest stays as it is. Tables of another dtype are rounded to that of x. Throws
/// ModelError when 2 C > D or the tables differ in their width.
at::Tensor rotate_by(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                     bool interleaved);

struct AdditivePositionOptions {
  /* implicit */ AdditivePositionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);       ///< M
  TORCH_ARG(Part, position);       ///< sinusoidal(base) or learned(length)
  TORCH_ARG(int64_t, length) = 0;  ///< of the longest input, for `learned` without a length
};

/// x (B, L, M) -> x + p[first .. first + L - 1] (B, L, M). `learned` is a table (length, M), one
/// trained vector a position, initialised from a normal of 0.02 cut at two deviations.
/// Throws ModelError for another kind of position, a table without a length, or an input that is
/// longer than the table.
class AdditivePositionImpl : public torch::nn::Cloneable<AdditivePositionImpl> {
 public:
  explicit AdditivePositionImpl(const AdditivePositionOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, int64_t first = 0);

  AdditivePositionOptions options;
  at::Tensor table;  ///< (length, M); undefined for sinusoidal
};
TORCH_MODULE(AdditivePosition);

}  // namespace heed::nn
