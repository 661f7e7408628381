// Backward. For a tile of keys j and queries i, with everything kept as keys by queries,
//   S^T = K Q^T,  P = exp(S - lse),  dP^T = V dO^T,  dS = P (dP - delta),  delta_i = dO_i . O_i,
//   dV += P^T dO,  dK += dS^T Q,  dQ += dS K:
// five products, 10 Lq Lk D operations a head, none of which needs a transposed tile (a left
// operand may have any strides).
//
// dK and dV sum over queries, dQ over keys. A task owns a chunk of keys of a batch and a key-value
// head, and walks over all the queries of the head's group: dK and dV of the chunk stay with it, dQ
// of a block of queries is summed over the chunk. With several chunks each writes a partial dQ of
// its own, and the partials are added in the order of the chunks. (Giving each block of queries a
// task too, without partials, would cost 7 products.) Extra memory: (D + E) numbers a key of the
// chunk, and chunks x D numbers a query where there is more than one chunk (at most 16, see
// blocks.h).

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attend_backward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "heed/core/threads.h"
#include "kernels/backward.h"
#include "kernels/dot_score-inl.h"
#include "kernels/dropout_tile-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/masking.h"
#include "kernels/softmax_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

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

/// A block of queries of one head against a chunk of keys.
template <class T>
class Block {
 public:
  Block(const BackwardJob<T>& job, const Score<T>& score, const Normalizer<T>& normalizer,
        const Rows& rows, Span chunk, const BackwardBuffers<T>& at)
      : job_(job),
        problem_(job.problem),
        sizes_(job.problem.sizes),
        score_(score),
        normalizer_(normalizer),
        rows_(rows),
        chunk_(chunk),
        at_(at),
        group_(rows.head / (sizes_.H / sizes_.G)),
        width_(round_up(sizes_.D, panel_width<T>())),
        value_width_(round_up(sizes_.E, panel_width<T>())) {}

  /// Adds to the chunk's dK and dV, leaves dQ without its factor scale in grad_queries.
  HWY_NOINLINE void run() {
    const auto q = rows_of(problem_.q, rows_.batch, rows_.head, rows_.row);
    const auto grad = rows_of(job_.grad_out, rows_.batch, rows_.head, rows_.row);
    const auto out = rows_of(job_.out, rows_.batch, rows_.head, rows_.row);
    transposed_rows(q, rows_.rows, sizes_.D, problem_.scale, at_.queries);
    transposed_rows(grad, rows_.rows, sizes_.E, T{1}, at_.grads);
    queries_ = plain_rows(q, rows_.rows, sizes_.D, at_.plain_queries);
    grads_ = plain_rows(grad, rows_.rows, sizes_.E, at_.plain_grads);
    std::fill_n(at_.grad_queries, rows_.rows * width_, T{0});
    std::fill_n(at_.number, kStride, T{0});
    std::fill_n(at_.delta, kStride, T{0});
    const T* lse = job_.lse + (rows_.batch * sizes_.H + rows_.head) * sizes_.Lq + rows_.row;
    for (int64_t i = 0; i < rows_.rows; ++i) {
      at_.number[i] = lse[i];
      at_.delta[i] = dot_row(grad.data + i * grad.row, grad.column, out.data + i * out.row,
                             out.column, sizes_.E);
    }
    poisoned_ = !problem_.masks.empty() && (has_nonfinite(queries_, rows_.rows, sizes_.D) ||
                                            has_nonfinite(grads_, rows_.rows, sizes_.E));
    for_each_tile(problem_, rows_, chunk_, panel_width<T>(),
                  [&](int64_t first, int64_t rows, Span keys, Coverage coverage)
                      HWY_ATTR { tile(first, rows, keys, coverage); });
  }

 private:
  HWY_INLINE void tile(int64_t first, int64_t rows, Span keys, Coverage coverage) const {
    const int64_t columns = keys.end - keys.begin, from = keys.begin - chunk_.begin;
    const Tile<T> scores{at_.scores + first, kStride, rows_.batch, rows_.head,
                         rows_.row + first,  rows,    keys.begin,  columns};
    Tile<T> gradient = scores;
    gradient.data = at_.gradient + first;
    const QueryBlock<T> queries{{at_.queries + first, kStride}, queries_.from(first)};
    const Left<T> key_rows = rows_of(problem_.k, rows_.batch, group_, keys.begin);
    const KeyBlock<T> key_block{key_rows, plain_rows(key_rows, columns, sizes_.D, at_.plain_keys)};
    score_.forward(queries, key_block, scores);
    modify(scores);
    Hidden hidden = nullptr;
    if (coverage == Coverage::part) {
      hide(problem_, scores);
      const bool keep = !problem_.modifiers.empty() || poisoned_ ||
                        has_nonfinite(key_block.plain, columns, sizes_.D);
      if (keep) mark_hidden(scores, at_.hidden), hidden = at_.hidden;
    }
    const Left<T> values = rows_of(problem_.v, rows_.batch, group_, keys.begin);
    gemm<false>(columns, rows, sizes_.E, values, Right<T>{at_.grads + first, kStride},
                Result<T>{gradient.data, kStride});

    Tile<T> factors = scores;
    factors.data = at_.factors;
    if (problem_.dropout > 0) {
      dropout_factors(problem_.dropout, problem_.seed, factors);
      multiply_tile(gradient, factors);
    }
    normalizer_.backward(scores, at_.number + first, at_.delta + first, gradient);
    if (problem_.dropout > 0) multiply_tile(scores, factors);
    accumulate(columns, sizes_.E, rows, Left<T>{scores.data, kStride, 1}, hidden,
               grads_.from(first), Result<T>{at_.grad_values + from * value_width_, value_width_});
    unmodify(scores, gradient, hidden);
    score_.backward(queries, key_block, gradient, hidden,
                    Result<T>{at_.grad_queries + first * width_, width_},
                    Result<T>{at_.grad_keys + from * width_, width_});
  }

  /// Applies the modifiers and keeps what each of them left.
  HWY_INLINE void modify(const Tile<T>& scores) const {
    T* kept = at_.kept;
    for (const Modifier<T>* modifier : problem_.modifiers) {
      modifier->forward(scores);
      for (int64_t j = 0; j < scores.columns; ++j) {
        std::copy_n(scores.data + j * kStride, scores.rows, kept + j * kStride);
      }
      kept += kKeys * kStride;
    }
  }

  HWY_INLINE void unmodify(const Tile<T>& scores, const Tile<T>& gradient, Hidden hidden) const {
    Tile<T> kept = scores;
    for (size_t m = problem_.modifiers.size(); m-- > 0;) {
      kept.data = at_.kept + static_cast<int64_t>(m) * kKeys * kStride;
      if (hidden) clear(kept, hidden);
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
  const Score<T>& score_;
  const Normalizer<T>& normalizer_;
  const Rows rows_;
  const Span chunk_;
  const BackwardBuffers<T>& at_;
  const int64_t group_, width_, value_width_;
  Right<T> queries_{}, grads_{};
  bool poisoned_ = false;
};

/// The chunk's keys of one batch and key-value head, against all queries of the group.
template <class T>
HWY_NOINLINE void run_chunk(const BackwardJob<T>& job, int64_t batch, int64_t group, int64_t index,
                            const BackwardBuffers<T>& at) {
  const Sizes& n = job.problem.sizes;
  const DotScore<T> score(n.D);
  const Softmax<T> normalizer;
  const Span chunk{index * job.chunk_keys, std::min(n.Lk, (index + 1) * job.chunk_keys)};
  const int64_t keys = chunk.end - chunk.begin;
  const int64_t width = round_up(n.D, panel_width<T>());
  const int64_t value_width = round_up(n.E, panel_width<T>());
  std::fill_n(at.grad_keys, keys * width, T{0});
  std::fill_n(at.grad_values, keys * value_width, T{0});
  for (int64_t head = group * (n.H / n.G); head < (group + 1) * (n.H / n.G); ++head) {
    for (int64_t row = 0; row < n.Lq; row += kQueries) {
      const Rows rows{batch, head, row, std::min(kQueries, n.Lq - row)};
      Block<T>(job, score, normalizer, rows, chunk, at).run();
      const GradRows<T> to = job.grad_rows(batch, head, row, index);
      for (int64_t i = 0; to.data && i < rows.rows; ++i) {
        store_row(at.grad_queries + i * width, n.D, job.problem.scale, to.data + i * to.row,
                  to.column);
      }
    }
  }
  T* grad_k =
      job.grad_k.data ? job.grad_k.at(batch, group) + chunk.begin * job.grad_k.row : nullptr;
  T* grad_v =
      job.grad_v.data ? job.grad_v.at(batch, group) + chunk.begin * job.grad_v.row : nullptr;
  for (int64_t j = 0; grad_k && j < keys; ++j) {
    store_row(at.grad_keys + j * width, n.D, job.problem.scale, grad_k + j * job.grad_k.row,
              job.grad_k.column);
  }
  for (int64_t j = 0; grad_v && j < keys; ++j) {
    store_row(at.grad_values + j * value_width, n.E, T{1}, grad_v + j * job.grad_v.row,
              job.grad_v.column);
  }
}

}  // namespace

void backward_chunk_float(const BackwardJob<float>& job, int64_t batch, int64_t group,
                          int64_t chunk, const BackwardBuffers<float>& at) {
  run_chunk(job, batch, group, chunk, at);
}
void backward_chunk_double(const BackwardJob<double>& job, int64_t batch, int64_t group,
                           int64_t chunk, const BackwardBuffers<double>& at) {
  run_chunk(job, batch, group, chunk, at);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(backward_chunk_float);
HWY_EXPORT(backward_chunk_double);

void backward_chunk(const BackwardJob<float>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<float>& at) {
  HWY_DYNAMIC_DISPATCH(backward_chunk_float)(job, batch, group, chunk, at);
}

void backward_chunk(const BackwardJob<double>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<double>& at) {
  HWY_DYNAMIC_DISPATCH(backward_chunk_double)(job, batch, group, chunk, at);
}

}  // namespace heed::kernels
#endif
