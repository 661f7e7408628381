// What a call of attend brings beside q, k and v.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "kernels/attend.h"

namespace heed::ops {

/// Checked and expanded; a formula sees the part of it that belongs to its block of scores. Kernels are given blocks that begin
/// at `row` and `column` and are as long as q and k; their masks are those of the whole call.
struct CallContext {
  kernels::Sizes sizes;  ///< of the whole call
  int64_t offset = 0;    ///< position of query 0 among the keys
  int64_t row = 0;       ///< the query, the key, the head and the batch where the block starts
  int64_t column = 0;
  int64_t head = 0, batch = 0;
  at::Tensor key_lengths;                        ///< (b) int64; undefined where not given, as all
  at::Tensor attn_mask;                          ///< (b, h, rows, columns) boolean or floating
  at::Tensor bias;                               ///< (b, h, rows, columns)
  at::Tensor segment_ids;                        ///< (b, Lk) int64
  at::Tensor block_mask;                         ///< (b, h, rows / size, columns / size) boolean
  std::map<std::string, at::Tensor> parameters;  ///< (h, ...)
  double scale = 1;                              ///< of a dot product score
  bool training = false;
  uint64_t seed = 0;  ///< of dropout and noise

  /// Position of the block's first query among its keys.
  int64_t block_offset() const { return offset + row - column; }
  const at::Tensor& parameter(const char* name) const { return parameters.at(name); }
};

}  // namespace heed::ops
