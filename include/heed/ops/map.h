// The weights of one attention call, never stored: a view computed on demand from q, k and two
// numbers per row.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "heed/ops/attend.h"

namespace heed {

/// Half-open range of rows (queries) or columns (keys).
struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// One attention call that was recorded. Weights are those before dropout. Memory of each function
/// is that of its result plus one block of rows; nothing is Lq x Lk unless it is asked for.
class Map {
 public:
  /// q (B, H, Lq, D), k (B, G, Lk, D) after positions; row_stats (2, B, H, Lq) from
  /// attend_with_row_stats.
  Map(std::string name, at::Tensor q, at::Tensor k, at::Tensor row_stats, Attention how,
      AttendInputs inputs);

  /// The module's path: "encoder.layers.0.attention".
  const std::string& name() const { return name_; }
  const Attention& how() const { return how_; }
  int64_t batch() const { return q_.size(0); }
  int64_t num_heads() const { return q_.size(1); }
  int64_t queries() const { return q_.size(2); }
  int64_t keys() const { return k_.size(2); }

  /// weights[b, h] of those rows and columns: (rows, columns).
  at::Tensor tile(Range rows, Range columns, int64_t batch = 0, int64_t head = 0) const;
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

 private:
  at::Tensor block(int64_t batch, int64_t head, Range rows, Range columns) const;
  /// Calls visit(head, rows, weights (rows, Lk)) for blocks of rows that are small.
  template <class Visit>
  void for_each_block(int64_t batch, Visit&& visit) const;

  std::string name_;
  at::Tensor q_, k_, row_stats_;
  Attention how_;
  AttendInputs inputs_;
};

}  // namespace heed
