// The call behind a Map, and the parts of its weights that are looked at.
#pragma once

#include <torch/types.h>

#include <memory>
#include <mutex>

#include "heed/ops/map.h"
#include "ops/call.h"
#include "ops/kernel_call.h"

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

/// Through the tile kernels on the CPU; by the formula, blocks of rows one after another, on other
/// devices and for words without a kernel.
class MapCall {
 public:
  /// row_stats as attend_with_row_stats gave them.
  MapCall(Call call, const at::Tensor& row_stats);
  ~MapCall();

  at::TensorOptions options() const { return row_stats_.options(); }
  /// Returns the greatest of these weights, passing over NaN; -inf where there is none.
  double look(const Look& look) const;
  /// x (B, H or 1, Lk, E) -> (B, H, Lq, E) and x (B, H or 1, Lq, E) -> (B, H, Lk, E).
  at::Tensor times(const at::Tensor& x) const;
  at::Tensor transposed_times(const at::Tensor& x) const;

 private:
  struct Stages;

  bool has_kernel() const { return call_.q.is_cpu() && kernels_can(call_); }
  /// Made when first asked for: a call that is only recorded costs nothing.
  std::shared_ptr<const Stages> stages() const;
  /// Calls use(pipeline, row_stats) for the type of the computation.
  template <class Use>
  void with_stages(Use&& use) const;

  double formula_look(const Look& look) const;
  at::Tensor block(const CallContext& all, int64_t batch, int64_t head, Interval rows,
                   Interval columns) const;
  template <class Visit>
  void for_each_block(const Look& look, Visit&& visit) const;

  Call call_;
  at::Tensor row_stats_;
  mutable std::once_flag made_;
  mutable std::shared_ptr<const Stages> stages_;
};

}  // namespace heed::ops
