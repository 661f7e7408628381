// A block of queries against some keys in backward: the tiles computed again, and their gradients.

#if defined(HEED_KERNELS_BACKWARD_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_BACKWARD_BLOCK_INL_H_
#undef HEED_KERNELS_BACKWARD_BLOCK_INL_H_
#else
#define HEED_KERNELS_BACKWARD_BLOCK_INL_H_
#endif

#include "kernels/backward.h"
#include "kernels/distance_values-inl.h"
#include "kernels/dropout_tile-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/long_sum-inl.h"
#include "kernels/masking.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// sum_e a[e] b[e], in an order that depends on the width alone.
template <class T>
HWY_INLINE T dot_row(const T* HWY_RESTRICT a, int64_t a_stride, const T* HWY_RESTRICT b,
                     int64_t b_stride, int64_t width) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t e = 0;
  T sum = 0;
  if (a_stride == 1 && b_stride == 1 && width >= lanes) {
    auto sums = hn::Zero(d);
    for (; e + lanes <= width; e += lanes) {
      sums = hn::MulAdd(hn::LoadU(d, a + e), hn::LoadU(d, b + e), sums);
    }
    sum = hn::GetLane(hn::SumOfLanes(d, sums));
  }
  for (; e < width; ++e) sum += a[e * a_stride] * b[e * b_stride];
  return sum;
}

/// A block of queries of one head against some keys.
template <class T>
class BackwardBlock {
 public:
  BackwardBlock(const BackwardJob<T>& job, const Score<T>& score, const Normalizer<T>& normalizer,
                const Rows& rows, Span keys, const BackwardBuffers<T>& at)
      : job_(job),
        problem_(job.problem),
        sizes_(job.problem.sizes),
        distances_(job.problem.distance_values),
        score_(score),
        normalizer_(normalizer),
        rows_(rows),
        keys_(keys),
        at_(at),
        group_(rows.head / (sizes_.H / sizes_.G)),
        chunk_(keys.begin / std::max<int64_t>(job.chunk_keys, 1)),
        width_(round_up(sizes_.D, panel_width<T>())),
        value_width_(round_up(sizes_.E, panel_width<T>())) {}

  /// What the normalizer needs of whole rows.
  HWY_NOINLINE void prepare() {
    const auto grad = rows_of(job_.grad_out, rows_.batch, rows_.head, rows_.row);
    const auto out = rows_of(job_.out, rows_.batch, rows_.head, rows_.row);
    const int64_t row = job_.rows_from(rows_.batch, rows_.head, rows_.row);
    const RowState<T> state{job_.delta + row, job_.second + row};
    const RowState<const T> number{job_.row_stats.first + row, job_.row_stats.second + row};
    for (int64_t i = 0; i < rows_.rows; ++i) {
      state.first[i] = dot_row(grad.data + i * grad.row, grad.column, out.data + i * out.row,
                               out.column, sizes_.E);
      state.second[i] = job_.row_gradients[row + i] = 0;
    }
    if (normalizer_.collects()) {
      std::fill_n(at_.sums, kRowSums * kStride, T{0});
      for_each([&](const Tile<T>& scores, const Tile<T>& gradient, int64_t first, Hidden,
                   const KeyBlock<T>&) HWY_ATTR {
        normalizer_.collect(scores, at_.number.from(first), gradient, at_.sums + first, kStride);
      });
    }
    normalizer_.conclude(state, number, at_.sums, kStride, rows_.head, rows_.rows,
                         job_.row_gradients + row);
  }

  /// Adds to the keys' dK and dV and the score's weight, leaves dQ without its factor scale in
  /// grad_queries.
  HWY_NOINLINE bool run() {
    LongSum<T> grad_queries(at_.grad_queries, at_.total_queries);
    Stretches stretches;
    grad_queries.clear(rows_.rows * width_);
    std::fill_n(at_.by_distance, distances_.count() * kStride, T{0});
    for_each([&](const Tile<T>& scores, const Tile<T>& gradient, int64_t first, Hidden hidden,
                 const KeyBlock<T>& keys) HWY_ATTR {
      stretches.enter(scores.column, grad_queries);
      backward(scores, gradient, first, hidden, keys);
    });
    grad_queries.close();
    if (distances_.table && loaded_) add_to_table();
    return loaded_;
  }

 private:
  /// The queries as the products want them; once, before the first tile.
  HWY_NOINLINE void load() {
    loaded_ = true;
    const auto q = rows_of(problem_.q, rows_.batch, rows_.head, rows_.row);
    const auto grad = rows_of(job_.grad_out, rows_.batch, rows_.head, rows_.row);
    queries_.transposed = transposed_rows(q, rows_.rows, sizes_.D, problem_.scale, at_.queries);
    queries_.plain = plain_rows(q, rows_.rows, sizes_.D, at_.plain_queries);
    queries_.prepared = {at_.prepared, kStride};
    queries_.can_prepare = score_.prepare(queries_.transposed, rows_.rows, at_.prepared);
    transposed_rows(grad, rows_.rows, sizes_.E, T{1}, at_.grads);
    grads_ = plain_rows(grad, rows_.rows, sizes_.E, at_.plain_grads);
    if (distances_.table) {
      const Right<T> table = distance_table(distances_, rows_.head);
      gemm<false>(distances_.count(), rows_.rows, sizes_.E, Left<T>{table.data, table.stride, 1},
                  Right<T>{at_.grads, kStride}, Result<T>{at_.of_distances, kStride});
    }
    const int64_t row = job_.rows_from(rows_.batch, rows_.head, rows_.row);
    const auto copy = [&](const T* from, T* to) {
      std::fill_n(to, kStride, T{0});
      std::copy_n(from + row, rows_.rows, to);
    };
    copy(job_.row_stats.first, at_.number.first), copy(job_.row_stats.second, at_.number.second);
    copy(job_.delta, at_.delta.first), copy(job_.second, at_.delta.second);
    has_nonfinite_ =
        !problem_.masks.empty() && (has_nonfinite(queries_.plain, rows_.rows, sizes_.D) ||
                                    has_nonfinite(grads_, rows_.rows, sizes_.E));
  }

  /// Calls visit(scores, gradient of the weights, first row, hidden, keys) for the tiles with any
  /// weight in them.
  template <class Visit>
  HWY_INLINE void for_each(Visit&& visit) {
    for_each_tile(problem_, rows_, keys_, panel_width<T>(),
                  [&](int64_t first, int64_t rows, Span keys, Coverage coverage) HWY_ATTR {
                    if (!loaded_) load();
                    tile(first, rows, keys, coverage, visit);
                  });
  }

  template <class Visit>
  HWY_INLINE void tile(int64_t first, int64_t rows, Span span, Coverage coverage,
                       Visit& visit) const {
    const int64_t columns = span.end - span.begin;
    const Tile<T> scores{at_.scores + first, kStride,           rows_.batch,
                         rows_.head,         rows_.row + first, rows,
                         span.begin,         columns,           chunk_};
    Tile<T> gradient = scores;
    gradient.data = at_.gradient + first;
    const Left<T> key_rows = rows_of(problem_.k, rows_.batch, group_, span.begin);
    const KeyBlock<T> keys{key_rows, plain_rows(key_rows, columns, sizes_.D, at_.plain_keys),
                           at_.keys};
    score_.forward(queries_.from(first), keys, scores);
    modify(scores);
    Hidden hidden = nullptr;
    if (coverage == Coverage::part) {
      hide(problem_, scores);
      const bool keep = !problem_.modifiers.empty() || has_nonfinite_ ||
                        has_nonfinite(keys.plain, columns, sizes_.D);
      if (keep) mark_hidden(scores, at_.hidden), hidden = at_.hidden;
    }
    if (normalizer_.is_empty(scores, at_.number.from(first))) return;
    const Left<T> values = rows_of(problem_.v, rows_.batch, group_, span.begin);
    gemm<false>(columns, rows, sizes_.E, values, Right<T>{at_.grads + first, kStride},
                Result<T>{gradient.data, kStride});
    if (distances_.table) add_of_distances(distances_, at_.of_distances + first, gradient);
    if (problem_.dropout > 0) {
      dropout_factors(problem_, factors(scores));
      multiply_tile(gradient, factors(scores));
    }
    visit(scores, gradient, first, hidden, keys);
  }

  HWY_INLINE Tile<T> factors(Tile<T> scores) const {
    scores.data = at_.factors;
    return scores;
  }

  HWY_INLINE void backward(const Tile<T>& scores, const Tile<T>& gradient, int64_t first,
                           Hidden hidden, const KeyBlock<T>& keys) const {
    const int64_t from = scores.column - keys_.begin;
    normalizer_.backward(scores, at_.number.from(first), at_.delta.from(first), gradient);
    if (problem_.dropout > 0) multiply_tile(scores, factors(scores));
    if (distances_.table) add_to_distances(distances_, scores, at_.by_distance + first);
    accumulate(scores.columns, sizes_.E, scores.rows, Left<T>{scores.data, kStride, 1}, hidden,
               grads_.from(first), Result<T>{at_.grad_values + from * value_width_, value_width_});
    unmodify(scores, gradient, hidden);
    score_.backward(queries_.from(first), keys, gradient, hidden,
                    Result<T>{at_.grad_queries + first * width_, width_},
                    Result<T>{at_.grad_keys + from * width_, width_}, at_.grad_weight);
  }

  /// The table's gradient, from the weights by distance. What no key added to meets no NaN of a
  /// query that sees nothing.
  HWY_INLINE void add_to_table() const {
    const int64_t sums = distances_.count() * kStride;
    for (int64_t x = 0; has_nonfinite_ && x < sums; ++x) at_.hidden[x] = at_.by_distance[x] == 0;
    accumulate(distances_.count(), sizes_.E, rows_.rows, Left<T>{at_.by_distance, kStride, 1},
               has_nonfinite_ ? at_.hidden : nullptr, grads_,
               Result<T>{at_.grad_table, distances_.width});
  }

  /// Applies the modifiers and keeps what each of them found or left.
  HWY_INLINE void modify(const Tile<T>& scores) const {
    T* kept = at_.kept;
    const auto keep = [&]() HWY_ATTR {
      for (int64_t j = 0; j < scores.columns; ++j) {
        std::copy_n(scores.data + j * kStride, scores.rows, kept + j * kStride);
      }
    };
    for (const Modifier<T>* modifier : problem_.modifiers) {
      const bool looks = modifier->looks_back(), before = modifier->looks_before();
      if (looks && before) keep();
      modifier->forward(scores);
      if (looks && !before) keep();
      kept += kKeys * kStride;
    }
  }

  HWY_INLINE void unmodify(const Tile<T>& scores, const Tile<T>& gradient, Hidden hidden) const {
    Tile<T> kept = scores;
    for (size_t m = problem_.modifiers.size(); m-- > 0;) {
      kept.data = at_.kept + static_cast<int64_t>(m) * kKeys * kStride;
      if (hidden && problem_.modifiers[m]->looks_back()) clear(kept, hidden);
      problem_.modifiers[m]->backward(kept, gradient);
      if (hidden) clear(gradient, hidden);
    }
  }

  HWY_INLINE static void clear(const Tile<T>& tile, Hidden hidden) {
    for (int64_t j = 0; j < tile.columns; ++j) {
      for (int64_t i = 0; i < tile.rows; ++i) {
        if (hidden[j * kStride + i]) tile(i, j) = 0;
      }
    }
  }

  const BackwardJob<T>& job_;
  const Problem<T>& problem_;
  const Sizes& sizes_;
  const DistanceValues<T>& distances_;
  const Score<T>& score_;
  const Normalizer<T>& normalizer_;
  const Rows rows_;
  const Span keys_;
  const BackwardBuffers<T>& at_;
  const int64_t group_, chunk_, width_, value_width_;
  QueryBlock<T> queries_{};
  Right<T> grads_{};
  bool has_nonfinite_ = false, loaded_ = false;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
