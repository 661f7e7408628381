// A block of queries in forward: what is the same however their scores become weights.

#if defined(HEED_KERNELS_FORWARD_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_FORWARD_BLOCK_INL_H_
#undef HEED_KERNELS_FORWARD_BLOCK_INL_H_
#else
#define HEED_KERNELS_FORWARD_BLOCK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/distance_values-inl.h"
#include "kernels/dropout_tile-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/long_sum-inl.h"
#include "kernels/masking.h"
#include "kernels/scratch.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
struct Buffers {
  T *queries, *prepared, *scores, *keys, *values, *out, *total, *factors, *by_distance;
  Running<T> state;
  T *rescale, *logsumexp;
  StripPart* parts;
  uint8_t* hidden;

  /// `strip`: keys whose scores are kept at the same time.
  Buffers(Arena& arena, const Problem<T>& problem, bool prepares, int64_t strip) {
    const int64_t width = round_up(problem.sizes.E, kAlign);
    queries = arena.take<T>(problem.sizes.D * kStride);
    prepared = arena.take<T>(prepares ? (problem.sizes.D + 1) * kStride : 0);
    scores = arena.take<T>(std::max(kKeys * kStride, strip * panel_width<T>()));
    keys = arena.take<T>(problem.score == ScoreKind::dot ? 0 : kKeys * problem.sizes.D);
    values = arena.take<T>(kKeys * width);
    out = arena.take<T>(kQueries * width);
    total = arena.take<T>(problem.sizes.Lk > kStretch ? 2 * kQueries * width : 0);
    factors = arena.take<T>(problem.dropout > 0 ? kKeys * kStride : 0);
    by_distance = arena.take<T>(problem.distance_values.count() * kStride);
    state = {arena.take<T>(kStride), arena.take<T>(kStride), arena.take<T>(kStride)};
    rescale = arena.take<T>(kStride);
    logsumexp = arena.take<T>(kStride);
    parts = arena.take<StripPart>(strip > 0 ? divide_up(strip, kKeys / 2) + 1 : 0);
    hidden = arena.take<uint8_t>(problem.masks.empty() ? 0 : kKeys * kStride);
  }
};

/// A block of queries: what is the same for every normalizer.
template <class T>
class Block {
 public:
  Block(const Problem<T>& problem, const Score<T>& score, const Rows& rows, const Buffers<T>& at)
      : problem_(problem),
        sizes_(problem.sizes),
        score_(score),
        rows_(rows),
        at_(at),
        stride_(round_up(sizes_.E, panel_width<T>())),
        sums_(at.out, at.total),
        group_(rows.head / (sizes_.H / sizes_.G)) {}

 protected:
  HWY_INLINE void begin() {
    const auto queries = rows_of(problem_.q, rows_.batch, rows_.head, rows_.row);
    queries_.transposed =
        transposed_rows(queries, rows_.rows, sizes_.D, problem_.scale, at_.queries);
    queries_.prepared = {at_.prepared, kStride};
    queries_.can_prepare = score_.prepare(queries_.transposed, rows_.rows, at_.prepared);
  }

  /// Before the first of a row's tiles.
  HWY_INLINE void clear_sums() {
    stretches_ = {};
    sums_.clear(rows_.rows * stride_);
    std::fill_n(at_.by_distance, problem_.distance_values.count() * kStride, T{0});
  }

  /// Before the sums of a tile.
  HWY_INLINE void enter(const Tile<T>& tile) { stretches_.enter(tile.column, sums_); }

  /// After the last tile: all sums in at_.out.
  HWY_INLINE void close_sums() {
    sums_.close();
    const auto& of_distances = problem_.distance_values;
    if (!of_distances.table) return;
    HWY_NAMESPACE::accumulate(
        rows_.rows, sizes_.E, of_distances.count(), Left<T>{at_.by_distance, 1, kStride}, nullptr,
        distance_table(of_distances, rows_.head), Result<T>{at_.out, stride_});
  }

  /// Multiplies the sums of rows first .. first + rows - 1 by at_.rescale.
  HWY_INLINE void rescale(int64_t first, int64_t rows) {
    for (int64_t i = 0; i < rows; ++i)
      if (at_.rescale[i] != 1) sums_.multiply((first + i) * stride_, stride_, at_.rescale[i]);
    for (int64_t c = 0; c < problem_.distance_values.count(); ++c) {
      T* HWY_RESTRICT sums = at_.by_distance + c * kStride + first;
      for (int64_t i = 0; i < rows; ++i) sums[i] *= at_.rescale[i];
    }
  }

  /// Writes the rows; factor: a number per row, or null for 1; only: those to write, or null for
  /// all.
  HWY_INLINE void write(const T* factor, View<T> out, const bool* only = nullptr) const {
    for (int64_t i = 0; i < rows_.rows; ++i) {
      if (only && !only[i]) continue;
      T* to = out.at(rows_.batch, rows_.head) + (rows_.row + i) * out.row;
      store_row(at_.out + i * stride_, sizes_.E, factor ? factor[i] : T{1}, to, out.column);
    }
  }

  HWY_INLINE void write_row_stats(const RowStats<T>& row_stats) const {
    const int64_t row = (rows_.batch * sizes_.H + rows_.head) * sizes_.Lq + rows_.row;
    std::copy_n(at_.state.first, rows_.rows, row_stats.first + row);
    std::copy_n(at_.state.second, rows_.rows, row_stats.second + row);
    if (row_stats.logsumexp) std::copy_n(at_.logsumexp, rows_.rows, row_stats.logsumexp + row);
  }

  /// Writes averages: rows whose sum of values is beyond the largest number, although their average
  /// need not be, are taken again from smaller weights. sweep() goes over the tiles and leaves what
  /// the rows are multiplied with in at_.rescale.
  template <class Sweep>
  HWY_INLINE void write_averages(View<T> out, Sweep&& sweep) {
    write(at_.rescale, out);
    if (!has_nonfinite(Right<T>{at_.out, stride_}, rows_.rows, sizes_.E)) return;
    bool lost[kQueries];
    for (int64_t i = 0; i < rows_.rows; ++i)
      lost[i] = has_nonfinite(Right<T>{at_.out + i * stride_, stride_}, 1, sizes_.E);
    const T larger = std::exp2(std::ceil(std::log2(static_cast<T>(sizes_.Lk + 1))));
    smaller_ = 1 / larger;
    sweep();
    smaller_ = 1;
    for (int64_t i = 0; i < rows_.rows; ++i) at_.rescale[i] *= larger;
    write(at_.rescale, out, lost);
  }

  /// Scores as the normalizer wants them.
  HWY_INLINE void score(const Tile<T>& scores, int64_t first, Coverage coverage) const {
    const KeyBlock<T> keys{keys_of(problem_, rows_.batch, group_, scores.column), {}, at_.keys};
    score_.forward(queries_.from(first), keys, scores);
    for (const Modifier<T>* modifier : problem_.modifiers) modifier->forward(scores);
    if (coverage == Coverage::part) hide(problem_, scores);
  }

  HWY_INLINE Right<T> values(const Tile<T>& scores) const {
    return plain_rows(values_of(problem_, rows_.batch, group_, scores.column), scores.columns,
                      sizes_.E, at_.values);
  }

  /// What is hidden, where that matters; from scores, before they become weights.
  HWY_INLINE Hidden hidden(const Tile<T>& scores, Coverage coverage, Right<T> values) const {
    if (coverage != Coverage::part || !has_nonfinite(values, scores.columns, sizes_.E)) {
      return nullptr;
    }
    mark_hidden(scores, at_.hidden);
    return at_.hidden;
  }

  HWY_INLINE void accumulate_values(const Tile<T>& weights, int64_t first, Hidden hidden,
                                    Right<T> values) const {
    if (problem_.dropout > 0) {
      Tile<T> factors = weights;
      factors.data = at_.factors;
      dropout_factors(problem_, factors);
      multiply_tile(weights, factors);
    }
    if (smaller_ != 1) {
      for (int64_t j = 0; j < weights.columns; ++j) {
        for (int64_t i = 0; i < weights.rows; ++i) weights(i, j) *= smaller_;
      }
    }
    if (problem_.distance_values.table) {
      add_to_distances(problem_.distance_values, weights, at_.by_distance + first);
    }
    HWY_NAMESPACE::accumulate(weights.rows, sizes_.E, weights.columns,
                              Left<T>{weights.data, 1, weights.stride}, hidden, values,
                              Result<T>{at_.out + first * stride_, stride_});
  }

  const Problem<T>& problem_;
  const Sizes& sizes_;
  const Score<T>& score_;
  const Rows rows_;
  const Buffers<T>& at_;
  const int64_t stride_;
  LongSum<T> sums_;  ///< of weights times values: at_.out
  Stretches stretches_;
  const int64_t group_;
  QueryBlock<T> queries_{};
  T smaller_ = 1;  ///< factor of the weights before they meet the values
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
