// The weights of one attention call, never stored: a view computed on demand from q, k and two
// numbers per row.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "heed/ops/attend.h"

namespace heed {

/// Half-open range of rows (queries) or columns (keys).
struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// How the weights of a cell, rows x columns of them, become one number. Cells at the far edges pool
/// what there is.
enum class MapPool { max, mean };

struct OverviewOptions {
  int64_t rows = 1024, columns = 1024;  ///< cells at most
  MapPool pool = MapPool::max;
  int64_t batch = 0;
  std::optional<int64_t> head = {};  ///< unset: all
  bool received = false, entropy = false;
};

/// What one pass over the weights of h heads finds.
struct MapOverview {
  int64_t block_rows = 1, block_columns = 1;  ///< weights that a cell pools
  at::Tensor cells;              ///< (h, ceil(Lq / block_rows), ceil(Lk / block_columns))
  std::vector<double> greatest;  ///< (h): the greatest single weight; NaN is passed over
  at::Tensor received;           ///< (h, Lk), as Map::received; undefined unless wanted
  at::Tensor entropy;            ///< (h, Lq), as Map::entropy; undefined unless wanted
};

/// Gets row number `row` of the cells.
using TakeCells = std::function<void(int64_t row, std::span<const double> cells)>;

namespace ops {
class MapCall;
}

/// One attention call that was recorded. Weights are those before dropout, in the dtype of the
/// computation (float32 for 16-bit storage). Each function computes what it returns from q and k
/// again, through the tile kernels, with the scores that the call had; by the formula, block of rows
/// after block, on other devices and for words without a kernel (talking, geometric). Memory is that
/// of the result plus O(Lq + Lk); nothing is Lq x Lk unless it is asked for. Results have the same
/// bits for any number of threads. Functions may be called from several threads at a time.
class Map {
 public:
  /// q (B, H, Lq, D), k (B, G, Lk, D) after positions; row_stats (2, B, H, Lq) from
  /// attend_with_row_stats. Parameters are copied, other tensors are kept as they are.
  Map(std::string name, at::Tensor q, at::Tensor k, at::Tensor row_stats, Attention how,
      AttendInputs inputs);

  /// The module's path: "encoder.layers.0.attention".
  const std::string& name() const { return name_; }
  const Attention& how() const { return how_; }
  /// What the constructor was given, parameters copied: what a file of maps holds.
  const at::Tensor& q() const { return q_; }
  const at::Tensor& k() const { return k_; }
  const at::Tensor& row_stats() const { return row_stats_; }
  const AttendInputs& inputs() const { return inputs_; }
  int64_t batch() const { return q_.size(0); }
  int64_t num_heads() const { return q_.size(1); }
  int64_t queries() const { return q_.size(2); }
  int64_t keys() const { return k_.size(2); }

  /// weights[b, h] of those rows and columns: (rows, columns).
  at::Tensor tile(Range rows, Range columns, int64_t batch = 0, int64_t head = 0) const;
  /// The same pooled over cells of block x block weights, the first of which begins where rows and
  /// columns do: (ceil(rows / block), ceil(columns / block)).
  at::Tensor tile(Range rows, Range columns, int64_t block, MapPool pool, int64_t batch = 0,
                  int64_t head = 0) const;
  /// The whole map in few cells, and what can be had in the same pass. The cells are as small as
  /// they can be for at most options.rows x options.columns of them.
  MapOverview overview(const OverviewOptions& options = {}) const;
  /// Calls take() once for each row of the cells, block x block weights of one head, in one pass:
  /// for a picture that is stored in another form. From several threads, in any order; take() must
  /// not throw. Returns the greatest single weight, as in MapOverview.
  double each_cell_row(int64_t block, MapPool pool, const TakeCells& take, int64_t batch = 0,
                       int64_t head = 0) const;
  /// weights[b, h, row]: (Lk).
  at::Tensor row(int64_t row, int64_t batch = 0, int64_t head = 0) const;
  /// (H, Lq, Lk).
  at::Tensor dense(int64_t batch = 0) const;
  /// (H, Lk): mean over the queries of the weight that a key gets.
  at::Tensor received(int64_t batch = 0) const;
  /// (H, Lq), nats: -sum_j w log w.
  at::Tensor entropy(int64_t batch = 0) const;
  /// The k largest weights of a row of one head and their keys, largest first; ties by the lower
  /// key.
  std::pair<at::Tensor, at::Tensor> top_k(int64_t row, int64_t k, int64_t batch = 0,
                                          int64_t head = 0) const;
  /// weights times x: x (B, H or 1, Lk, E) -> (B, H, Lq, E).
  at::Tensor times(const at::Tensor& x) const;
  /// The transpose of the weights times x: x (B, H or 1, Lq, E) -> (B, H, Lk, E).
  at::Tensor transposed_times(const at::Tensor& x) const;

 private:
  void check_factor(const at::Tensor& x, int64_t length, const char* name) const;
  at::Tensor mean_of(const at::Tensor& sums) const;
  at::TensorOptions on_cpu() const;

  std::string name_;
  at::Tensor q_, k_, row_stats_;
  Attention how_;
  AttendInputs inputs_;
  std::shared_ptr<const ops::MapCall> call_;
};

}  // namespace heed
