// The call behind a Map, and the parts of its weights that are looked at.
#pragma once

#include <torch/types.h>

#include "heed/ops/map.h"
#include "ops/call.h"

namespace heed::ops {

/// What is wanted of a part of one head's weights.
struct Look {
  int64_t batch = 0, head = 0;
  Interval rows, columns;
  /// Of a cell; cells begin where rows and columns do.
  int64_t block_rows = 1, block_columns = 1;
  MapPool pool = MapPool::max;
  TakeCells take = {};          ///< unset: no cells
  at::Tensor column_sums = {};  ///< (columns) float64, written; undefined: not wanted
  at::Tensor entropy = {};      ///< (rows) in the dtype of the computation, written; the same
};

class MapCall {
 public:
  /// row_stats as attend_with_row_stats gave them.
  MapCall(Call call, at::Tensor row_stats);

  at::TensorOptions options() const { return row_stats_.options(); }
  /// Returns the greatest of these weights, passing over NaN; -inf where there is none.
  double look(const Look& look) const;
  /// x (B, H or 1, Lk, E) -> (B, H, Lq, E) and x (B, H or 1, Lq, E) -> (B, H, Lk, E).
  at::Tensor times(const at::Tensor& x) const;
  at::Tensor transposed_times(const at::Tensor& x) const;

 private:
  at::Tensor block(int64_t batch, int64_t head, Interval rows, Interval columns) const;
  template <class Visit>
  void for_each_block(const Look& look, Visit&& visit) const;

  Call call_;
  at::Tensor row_stats_;
};

}  // namespace heed::ops
