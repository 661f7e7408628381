// The stations of the tile pipeline that are not masks or modifiers: how a tile of scores is made,
// and how scores become weights. Both are chosen at run time and called once a tile; a new one is a
// class in a file of its own (name_score-inl.h, name_tile-inl.h) and a line where they are
// chosen: forward() in attend_forward.cc and run_chunk() in attend_backward.cc.
#pragma once

#include <cstdint>

#include "kernels/attend.h"
#include "kernels/operands.h"

namespace heed::kernels {

/// A block of queries as the products want it.
template <class T>
struct QueryBlock {
  Right<T> transposed;  ///< (D, rows), times scale
  Right<T> plain;       ///< (rows, D)
};

/// A block of keys.
template <class T>
struct KeyBlock {
  Left<T> any;     ///< (columns, D) where the user left it
  Right<T> plain;  ///< (columns, D); backward only
};

/// Which elements of a tile are hidden, strided as the tile. Null: all operands are finite where
/// something is hidden, so a hidden 0 can be multiplied like any other.
using Hidden = const uint8_t*;

template <class T>
class Score {
 public:
  virtual ~Score() = default;
  virtual void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
                       const Tile<T>& scores) const noexcept = 0;
  /// Adds to grad_queries (rows, D) and grad_keys (columns, D), both without the factor scale.
  virtual void backward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
                        const Tile<T>& gradient, Hidden hidden, Result<T> grad_queries,
                        Result<T> grad_keys) const noexcept = 0;
};

/// Two numbers a query, aligned, readable and writable up to whole panels.
template <class T>
struct RowState {
  T *first, *second;

  RowState from(int64_t i) const { return {first + i, second + i}; }
};

template <class T>
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void begin(RowState<T> rows, int64_t count) const noexcept = 0;
  /// Turns scores into weights, up to a factor a row. Where it returns true, what was accumulated
  /// before must be multiplied by rescale, a number a row.
  virtual bool forward(const Tile<T>& scores, RowState<T> rows, T* rescale) const noexcept = 0;
  /// What the accumulated rows must be multiplied with, and the number a row that `backward` needs.
  virtual void finish(RowState<T> rows, int64_t count, T* factor, T* number) const noexcept = 0;
  /// Turns scores into weights and the weights' gradient into the scores'; delta is grad_out . out
  /// of each row. Both are 0 where scores are -inf.
  virtual void backward(const Tile<T>& scores, const T* number, const T* delta,
                        const Tile<T>& gradient) const noexcept = 0;
};

}  // namespace heed::kernels
