// Forward: blocks of queries are independent, so each is its own piece of work, whatever the number
// of heads.
//
// For a block of queries the keys pass by in blocks. Tile by tile: scores S^T = K Q^T
// (keys by queries), modify, mask, softmax down the columns, out += P V. Only Q is repacked, once a
// block. Operations 4 Lq Lk D a head; extra memory is that of a block, a thread's.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attend_forward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "heed/core/threads.h"
#include "kernels/dot_score-inl.h"
#include "kernels/dropout_tile-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/masking.h"
#include "kernels/scratch.h"
#include "kernels/softmax_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
struct Buffers {
  T *queries, *scores, *values, *out, *factors;
  RowState<T> state;
  T *rescale, *number;
  uint8_t* hidden;

  Buffers(Cutter& cut, const Problem<T>& problem) {
    const int64_t width = round_up(problem.sizes.E, kAlign);
    queries = cut.take<T>(problem.sizes.D * kStride);
    scores = cut.take<T>(kKeys * kStride);
    values = cut.take<T>(kKeys * width);
    out = cut.take<T>(kQueries * width);
    factors = cut.take<T>(problem.dropout > 0 ? kKeys * kStride : 0);
    state = {cut.take<T>(kStride), cut.take<T>(kStride)};
    rescale = cut.take<T>(kStride);
    number = cut.take<T>(kStride);
    hidden = cut.take<uint8_t>(problem.masks.empty() ? 0 : kKeys * kStride);
  }
};

/// One block of queries.
template <class T>
class Block {
 public:
  Block(const Problem<T>& problem, const Score<T>& score, const Normalizer<T>& normalizer,
        const Rows& rows, const Buffers<T>& at)
      : problem_(problem),
        sizes_(problem.sizes),
        score_(score),
        normalizer_(normalizer),
        rows_(rows),
        at_(at),
        stride_(round_up(sizes_.E, panel_width<T>())),
        group_(rows.head / (sizes_.H / sizes_.G)) {}

  HWY_NOINLINE void run(View<T> out, T* lse) const {
    const auto queries = rows_of(problem_.q, rows_.batch, rows_.head, rows_.row);
    transposed_rows(queries, rows_.rows, sizes_.D, problem_.scale, at_.queries);
    normalizer_.begin(at_.state, kStride);
    std::fill_n(at_.out, rows_.rows * stride_, T{0});
    for_each_tile(problem_, rows_, {0, sizes_.Lk}, panel_width<T>(),
                  [&](int64_t first, int64_t rows, Span keys, Coverage coverage)
                      HWY_ATTR { tile(first, rows, keys, coverage); });
    normalizer_.finish(at_.state, rows_.rows, at_.rescale, at_.number);
    const int64_t row = (rows_.batch * sizes_.H + rows_.head) * sizes_.Lq + rows_.row;
    for (int64_t i = 0; i < rows_.rows; ++i) {
      T* to = out.at(rows_.batch, rows_.head) + (rows_.row + i) * out.row;
      store_row(at_.out + i * stride_, sizes_.E, at_.rescale[i], to, out.column);
      lse[row + i] = at_.number[i];
    }
  }

 private:
  HWY_INLINE void tile(int64_t first, int64_t rows, Span keys, Coverage coverage) const {
    const int64_t columns = keys.end - keys.begin;
    const Tile<T> scores{at_.scores + first, kStride, rows_.batch, rows_.head,
                         rows_.row + first,  rows,    keys.begin,  columns};
    const QueryBlock<T> queries{{at_.queries + first, kStride}, {}};
    score_.forward(queries, {rows_of(problem_.k, rows_.batch, group_, keys.begin), {}}, scores);
    for (const Modifier<T>* modifier : problem_.modifiers) modifier->forward(scores);

    const Right<T> values = plain_rows(rows_of(problem_.v, rows_.batch, group_, keys.begin),
                                       columns, sizes_.E, at_.values);
    Hidden hidden = nullptr;
    if (coverage == Coverage::part) {
      hide(problem_, scores);
      if (has_nonfinite(values, columns, sizes_.E)) {
        mark_hidden(scores, at_.hidden), hidden = at_.hidden;
      }
    }
    if (normalizer_.forward(scores, at_.state.from(first), at_.rescale)) rescale(first, rows);
    if (problem_.dropout > 0) {
      Tile<T> factors = scores;
      factors.data = at_.factors;
      dropout_factors(problem_.dropout, problem_.seed, factors);
      multiply_tile(scores, factors);
    }
    accumulate(rows, sizes_.E, columns, Left<T>{scores.data, 1, kStride}, hidden, values,
               Result<T>{at_.out + first * stride_, stride_});
  }

  HWY_INLINE void rescale(int64_t first, int64_t rows) const {
    for (int64_t i = 0; i < rows; ++i) {
      const T factor = at_.rescale[i];
      if (factor == 1) continue;
      T* HWY_RESTRICT row = at_.out + (first + i) * stride_;
      for (int64_t e = 0; e < stride_; ++e) row[e] *= factor;
    }
  }

  const Problem<T>& problem_;
  const Sizes& sizes_;
  const Score<T>& score_;
  const Normalizer<T>& normalizer_;
  const Rows rows_;
  const Buffers<T>& at_;
  const int64_t stride_, group_;
};

template <class T>
void forward(const Problem<T>& problem, View<T> out, T* lse) {
  const Sizes& n = problem.sizes;
  const DotScore<T> score(n.D);
  const Softmax<T> normalizer;
  const int64_t blocks = divide_up(n.Lq, kQueries), items = n.B * n.H * blocks;
  const double operations = 2.0 * std::min(n.Lq, kQueries) * n.Lk * (n.D + n.E);
  const int64_t each = items_per_task(operations);
  parallel_for(divide_up(items, each), [&](int64_t task) HWY_ATTR {
    Cutter count;
    Buffers<T>(count, problem);
    Cutter cut(thread_scratch(count.used()));
    const Buffers<T> buffers(cut, problem);
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      const int64_t head = item % (n.B * n.H);
      // The last block first: under a causal mask it is the longest, and long pieces should not
      // come last.
      const int64_t row = (blocks - 1 - item / (n.B * n.H)) * kQueries;
      const Rows rows{head / n.H, head % n.H, row, std::min(kQueries, n.Lq - row)};
      Block<T>(problem, score, normalizer, rows, buffers).run(out, lse);
    }
  });
}

}  // namespace

void forward_float(const Problem<float>& problem, View<float> out, float* lse) {
  forward(problem, out, lse);
}
void forward_double(const Problem<double>& problem, View<double> out, double* lse) {
  forward(problem, out, lse);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);

template <>
void attend_forward(const Problem<float>& problem, View<float> out, float* lse) {
  HWY_DYNAMIC_DISPATCH(forward_float)(problem, out, lse);
}

template <>
void attend_forward(const Problem<double>& problem, View<double> out, double* lse) {
  HWY_DYNAMIC_DISPATCH(forward_double)(problem, out, lse);
}

}  // namespace heed::kernels
#endif
