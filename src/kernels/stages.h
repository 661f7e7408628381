// The stages of the tile pipeline that are not masks or modifiers: how a tile of scores is made,
// and how scores become weights. Both are chosen at run time (scores-inl.h, normalizers-inl.h) and
// called once per tile; a new one is a class in a file of its own and a line where they are chosen.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/attend.h"
#include "kernels/operands.h"

namespace heed::kernels {

/// A block of queries as the products want it.
template <class T>
struct QueryBlock {
  Right<T> transposed;  ///< (D, rows), times scale
  Right<T> plain;       ///< (rows, D); backward only
  Right<T> prepared;    ///< (D + 1, rows): what Score::prepare made
  bool can_prepare = false;

  QueryBlock from(int64_t row) const {
    return {{transposed.data + row, transposed.stride},
            plain.data ? plain.from(row) : plain,
            {prepared.data + row, prepared.stride},
            can_prepare};
  }
};

/// A block of keys.
template <class T>
struct KeyBlock {
  Left<T> any;     ///< (columns, D) where the user left it
  Right<T> plain;  ///< (columns, D); backward only
  T* scratch;      ///< (columns, D) in whole panels, for the score's own use
};

/// Which elements of a tile are hidden, strided as the tile. Null: all operands are finite where
/// something is hidden, so a hidden 0 can be multiplied like any other.
using Hidden = const uint8_t*;

template <class T>
class Score {
 public:
  virtual ~Score() = default;
  /// Whether prepare() makes anything; without it no memory is kept for that.
  virtual bool prepares() const noexcept { return false; }
  /// Once a block of queries, from the transposed ones; false: the tiles must do without.
  virtual bool prepare(Right<T> transposed, int64_t rows, T* prepared) const noexcept {
    (void)transposed, (void)rows, (void)prepared;
    return false;
  }
  virtual void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
                       const Tile<T>& scores) const noexcept = 0;
  /// Adds to grad_queries (rows, D) and grad_keys (columns, D), both without the factor scale, and
  /// to grad_weight (D) where there is one.
  virtual void backward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
                        const Tile<T>& gradient, Hidden hidden, Result<T> grad_queries,
                        Result<T> grad_keys, T* grad_weight) const noexcept = 0;
};

/// Two numbers per query, aligned, readable and writable up to whole panels.
template <class T>
struct RowState {
  T *first, *second;

  RowState from(int64_t i) const { return {first + i, second + i}; }
  operator RowState<const T>() const requires(!std::is_const_v<T>) { return {first, second}; }
};

/// What a normalizer knows of queries that have seen a part of their keys: as RowState, and a third
/// number that finish() takes into the others.
template <class T>
struct Running {
  T *first, *second, *rest;

  Running from(int64_t i) const { return {first + i, second + i, rest + i}; }
};

/// How many sums per row a normalizer may collect before backward.
inline constexpr int64_t kRowSums = 6;

/// What both kinds of normalizer do after forward, from scores and the two numbers per row that it
/// left (heed::kernels::RowStats).
template <class T>
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// Whether all weights of the tile are zero, so that it can be left out; may say no.
  virtual bool is_empty(const Tile<T>& scores, const RowState<const T>& number) const noexcept {
    (void)scores, (void)number;
    return false;
  }
  /// Whether backward needs sums over a row beyond grad_out . out: then every tile goes through
  /// collect() with the gradient of its weights, sums (kRowSums, stride) starting from 0.
  virtual bool collects() const noexcept { return false; }
  virtual void collect(const Tile<T>& scores, const RowState<const T>& number,
                       const Tile<T>& gradient, T* sums, int64_t stride) const noexcept {
    (void)scores, (void)number, (void)gradient, (void)sums, (void)stride;
  }
  /// What backward() is handed, delta (grad_out . out at first) and a second number per row, and
  /// the gradient that each row gives the number of its head.
  virtual void conclude(const RowState<T>& delta, const RowState<const T>& number, const T* sums,
                        int64_t stride, int64_t head, int64_t rows,
                        T* grad_per_head) const noexcept {
    (void)delta, (void)number, (void)sums, (void)stride, (void)head, (void)rows;
    (void)grad_per_head;
  }
  /// Turns scores into weights, 0 where scores are -inf.
  virtual void weights(const Tile<T>& scores, const RowState<const T>& number) const noexcept = 0;
  /// Turns scores into weights and the weights' gradient into the scores'. Both are 0 where scores
  /// are -inf.
  virtual void backward(const Tile<T>& scores, const RowState<const T>& number,
                        const RowState<T>& delta, const Tile<T>& gradient) const noexcept = 0;
};

/// One that needs a tile at a time.
template <class T>
class TileNormalizer : public Normalizer<T> {
 public:
  /// Whether a row's weights sum to 1 after finish(), so that no average of finite values is beyond
  /// the largest number, although their sum before it may be.
  virtual bool averages() const noexcept { return false; }
  virtual void begin(const Running<T>& rows, int64_t count) const noexcept = 0;
  /// Turns scores into weights, up to a factor per row. Where it returns true, what was accumulated
  /// before must be multiplied by rescale, a number per row.
  virtual bool forward(const Tile<T>& scores, const Running<T>& rows,
                       T* rescale) const noexcept = 0;
  /// What the accumulated rows must be multiplied with, and the one number per row that users ask
  /// for (null: not wanted). Leaves the two numbers per row in rows.
  virtual void finish(const Running<T>& rows, int64_t head, int64_t count, T* factor,
                      T* logsumexp) const noexcept = 0;
};

/// The columns up to `end` of all scores of a panel of queries are those of one tile, in a stretch
/// of keys. Sums over a row are made part by part and stretch by stretch (see kStretch).
struct StripPart {
  int64_t end, stretch;
};

/// One that needs all scores of a row before it knows the first weight.
template <class T>
class RowNormalizer : public Normalizer<T> {
 public:
  /// The two numbers per row, from all scores of a panel of queries: a tile of any number of
  /// columns, that of the last part.
  virtual void solve(const Tile<T>& scores, const StripPart* parts, int64_t count,
                     const RowState<T>& number) const noexcept = 0;
  /// The one number per row that users ask for.
  virtual T logsumexp(int64_t head, T first, T second) const noexcept = 0;
};

}  // namespace heed::kernels
