// Where a token stands: added to its vector (sinusoidal, learned) or turned into queries and keys
// (rope), in a line or on a grid (sinusoidal_2d, learned_2d, rope_2d).
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "heed/ops/attention.h"

namespace heed::nn {

/// Whether a position is a vector that is added to tokens: sinusoidal and learned are, and theirs
/// of a grid.
bool is_additive(const OpSpec& position);

/// Whether a position turns queries and keys: rope and rope_2d do.
bool is_rotary(const OpSpec& position);

/// Whether a position is one of a grid: token i < first has no place, token first + n has row
/// n / columns and column n % columns. columns = 0: as many as rows.
bool is_of_grid(const OpSpec& position);

/// A position of a grid with what a model knows about its own. Another position stays as it is.
/// Throws ModelError where the position says something else.
OpSpec on_grid(const OpSpec& position, int64_t columns, int64_t first);

/// p[i, 2c] = sin((first + i) / base^(2c / M)), p[i, 2c + 1] = cos of the same: (length, M),
/// float32 computed in float64. An odd M ends with a sine (Vaswani et al. 2017, 3.5).
at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width, double base);

/// The same as the part `sinusoidal` says: positions called first + i + its own `first`; with
/// `halves` all sines stand before all cosines; with `full` wave c < C = (M + 1) / 2 has the
/// frequency base^(-c / (C - 1)) (tensor2tensor has both).
at::Tensor sinusoidal_positions(int64_t first, int64_t length, int64_t width,
                                const OpSpec& position);

/// By how much each pair of channels turns from one position to the next: (width / 2) float64. With
/// f_c = base^(-2c / width), s the factor and the scaling (to inputs s times longer)
///
///   0 none     f_c
///   1 linear   f_c / s                                             (Chen et al. 2023)
///   2 ntk      f_c of base s^(width / (width - 2)), so that the first pair keeps its f and the
///              last one gets f / s                                 (bloc97 2023)
///   3 yarn     (1 - y) f_c / s + y f_c                             (Peng et al. 2023, 3.2)
///              with y = clamp((r - beta_slow) / (beta_fast - beta_slow), 0, 1) and
///              r = original f_c / 2 pi, the turns within the original length
///   4 llama3   the same; beta_slow and beta_fast are what Llama 3's settings call low_freq_factor
///              and high_freq_factor (Dubey et al. 2024)
///   5 yarn by channels   y = 1 - clamp((c - a) / (b - a), 0, 1), between the pairs a and b that
///              turn beta_fast and beta_slow times (as transformers and llama.cpp do):
///              c = width ln(original / (2 pi r)) / (2 ln base), with `truncate` rounded outwards
at::Tensor rope_frequencies(const OpSpec& rope, int64_t width);

/// What yarn (3 and, the turned channels alone, 5) multiplies q and k with: `attention` or, where it is 0, 0.1 ln(s) + 1 (Peng et al.
/// 2023, 3.4, where it is sqrt(1 / t)). 1 for every other position.
double rope_magnitude(const OpSpec& rope);

/// x (B, H, L, D) with the pairs of its channels turned by an angle that grows with the position:
/// with a = (first + i) f_c (see rope_frequencies), the pair (x, y) number c becomes
/// (x cos a - y sin a, y cos a + x sin a), times rope_magnitude, so that a dot product of two
/// turned vectors depends on their distance alone (Su et al. 2021). W channels are turned, the
/// first: `width` or, where it is 0, all D. Pairs are channels (c, c + W/2) or, with
/// `interleaved=1`, (2c, 2c + 1).
///
/// `rope_2d` turns pairs c < D/4 by the row and the others by the column, both with the frequencies
/// base^(-2c / (D/2)), c < D/4 (axial, Heo et al. 2024); tokens without a place are not turned.
/// `length` is that of the whole input, for a square grid of which x is a part; 0: first + L.
///
/// `rope` is that part of an attention. Throws ModelError when W is odd or more than D, D no
/// multiple of 4 (rope_2d), or the grid no square.
at::Tensor rotate(const at::Tensor& x, int64_t first, const OpSpec& rope, int64_t length = 0);

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
  TORCH_ARG(OpSpec, position);     ///< one that is_additive
  TORCH_ARG(int64_t, length) = 0;  ///< of the longest input, for `learned` without a length
};

/// x (B, L, M) -> x + p[first .. first + L - 1] (B, L, M).
///
///   sinusoidal     sinusoidal_positions
///   learned        a table (length, M), one trained vector per position; position 0 has row `first`
///   sinusoidal_2d  [sinusoidal_positions of the row (M/2), of the column (M/2)]
///                                                           (Carion et al. 2020)
///   learned_2d     [u_row (M/2), w_column (M/2)], tables of trained vectors
///                                                           (Dosovitskiy et al. 2021, D.4)
///
/// Tables start from a normal of 0.02 cut at two deviations. Tokens without a place get nothing.
/// Throws ModelError for another kind of position, a table without a length, an odd width on a
/// grid, a grid that is not the square it should be, or an input that is longer than the table.
class AdditivePositionImpl : public torch::nn::Cloneable<AdditivePositionImpl> {
 public:
  explicit AdditivePositionImpl(const AdditivePositionOptions& options);
  void reset() override;
  /// `length` is that of the whole input, for a square grid of which x is a part; 0: first + L.
  at::Tensor forward(const at::Tensor& x, int64_t first = 0, int64_t length = 0);
  /// Tokens that the table of `learned` has vectors for; 0 of another position.
  int64_t max_positions() const;

  AdditivePositionOptions options;
  at::Tensor table;         ///< (length, M); of learned only
  at::Tensor row_table;     ///< (rows, M / 2); of learned_2d only
  at::Tensor column_table;  ///< (columns, M / 2); of learned_2d only

 private:
  void make_table();
  void make_grid_tables();
  at::Tensor learned_vectors() const;

  at::Tensor near_;  ///< (512, M) float32: the first positions; of sinusoidal only
};
TORCH_MODULE(AdditivePosition);

}  // namespace heed::nn
