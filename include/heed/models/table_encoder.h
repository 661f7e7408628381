// Rows of a table to tokens: one per column.
#pragma once

#include <torch/nn/pimpl.h>

#include <array>
#include <vector>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

/// How a number becomes a vector.
enum class NumberEmbedding { linear, periodic, piecewise };
constexpr std::array<const char*, 3> words(NumberEmbedding) {
  return {"linear", "periodic", "piecewise"};
}

/// The [encoder] table of a recipe for tables.
struct TableEncoderOptions : BlockStackOptions {
  NumberEmbedding numbers = NumberEmbedding::linear;
  int64_t frequencies = 24;
  double frequency_std = 0.1;
  int64_t bins = 8;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("numbers", numbers,
      "how a number becomes a vector. linear: times a vector; periodic: by its sines and cosines; "
      "piecewise: by how far it reaches into each bin");
    if (numbers == NumberEmbedding::periodic) {
      v("frequencies", frequencies, "learned frequencies of a column", between(1, kMostChannels));
      v("frequency_std", frequency_std, "of the normal that they start from", between(1e-6, 1e6));
    }
    if (numbers == NumberEmbedding::piecewise)
      v("bins", bins, "of every column, where the input gives no edges of its own",
        between(1, kMostChannels));
    BlockStackOptions::fields(v);
  }
};

/// What an input of tables gives.
struct TableShape {
  int64_t numbers = 0;  ///< N: columns of numbers
  /// A column of categories each: how many, unknown included.
  std::vector<int64_t> categories = {};
  /// For piecewise: the edges of each column's bins, rising, at least two per column. Empty: those
  /// of `bins` bins, edge_t the quantile (t + 1/2) / (bins + 1) of a standard normal.
  std::vector<std::vector<double>> edges = {};
};

/// Batch: numbers (B, N) floating, NaN where one is missing, categories (B, C) int64, 0 for an
/// unknown category and -1 for a missing one; a kind of column that is not there needs no tensor.
/// -> states (B, 1 + N + C, M) = blocks(drop([class; numbers; categories])), the first token a
/// learned vector that a head may read alone (FT-Transformer, Gorishniy et al. 2021). Column j is
///
///   linear      w_j x + b_j
///   periodic    relu(W_j [cos(2 pi c_j x), sin(2 pi c_j x)] + b_j), c_j learned frequencies
///   piecewise   W_j e + b_j, e_t = (x - edge_t) / (edge_t+1 - edge_t), at least 0 (but for the
///               first bin) and at most 1 (but for the last)             (Gorishniy et al. 2022)
///   category    T_j[x] + b_j
///
/// and a vector of its own where it is missing. Numbers should have about mean 0 and deviation 1.
/// Vectors start uniform in +-M^-0.5. Parameters: class_token, [number_weight, number_bias,
/// number_missing (N, M)], [frequencies], [category_embedding, category_bias], layers.I.*,
/// [norm.*]. Throws ModelError that names the field where options do not fit each other or the
/// shape.
class TableEncoderImpl : public nn::Remade<TableEncoderImpl, Encoder> {
 public:
  TableEncoderImpl(const TableEncoderOptions& options, const TableShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<TableEncoderImpl> remade() const {
    return std::make_shared<TableEncoderImpl>(options, shape);
  }
  int64_t columns() const;  ///< N + C

  TableEncoderOptions options;
  TableShape shape;
  at::Tensor class_token;                  ///< (1, 1, M)
  at::Tensor number_weight;                ///< (N, F, M): F = 1, 2 frequencies or bins
  at::Tensor number_bias, number_missing;  ///< (N, M)
  at::Tensor frequencies;                  ///< (N, frequencies); of periodic only
  at::Tensor category_embedding;  ///< (all categories and a missing one per column, M), in order
  at::Tensor category_bias;       ///< (C, M)
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  void check() const;
  void make_numbers();
  void make_bins();
  void make_categories();
  at::Tensor features(const at::Tensor& x) const;
  at::Tensor number_tokens(const Batch& batch) const;
  at::Tensor category_tokens(const Batch& batch) const;

  at::Tensor low_, width_, floor_, ceiling_;  ///< (N, bins): of piecewise
  at::Tensor first_category_, categories_;    ///< (C) int64
};
TORCH_MODULE(TableEncoder);

}  // namespace heed
