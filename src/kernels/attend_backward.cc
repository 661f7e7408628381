// Backward. For a tile of keys j and queries i, with everything kept as keys by queries,
//   S^T = K Q^T,  P = normalize(S),  dP^T = V dO^T,  dS = P (dP - delta) for softmax,
//   delta_i = dO_i . O_i (other normalizers: what they make of sums over the row, which cost a pass
//   with the first and the third product before),
//   dV += P^T dO,  dK += dS^T Q,  dQ += dS K:
// five products, 10 Lq Lk D operations per head, none of which needs a transposed tile (a left
// operand may have any strides).
//
// dK and dV sum over queries, dQ over keys. A task owns a chunk of keys of a batch and a key-value
// head, and walks over all the queries of the head's group: dK and dV of the chunk stay with it, dQ
// of a block of queries is summed over the chunk. With several chunks each writes a partial dQ of
// the blocks that see it, and the partials are added in the order of the chunks. (Giving each block
// of queries a task too, without partials, would cost 7 products.) Extra memory: (D + E) numbers a
// key of the chunk, and where there is more than one chunk (at most 16, see blocks.h) D numbers a
// query and chunk that it sees.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attend_backward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/backward.h"
#include "kernels/backward_block-inl.h"
#include "kernels/normalizers-inl.h"
#include "kernels/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
HWY_NOINLINE void run_chunk(const BackwardJob<T>& job, const Score<T>& score,
                            const Normalizer<T>& normalizer, int64_t batch, int64_t group,
                            int64_t index, const BackwardBuffers<T>& at) {
  const Sizes& n = job.problem.sizes;
  const Span chunk{index * job.chunk_keys, std::min(n.Lk, (index + 1) * job.chunk_keys)};
  const int64_t keys = chunk.end - chunk.begin;
  const int64_t width = round_up(n.D, panel_width<T>());
  const int64_t value_width = round_up(n.E, panel_width<T>());
  const int64_t table = job.problem.distance_values.count() * job.problem.distance_values.width;
  LongSum<T> grad_keys(at.grad_keys, at.total_keys), grad_values(at.grad_values, at.total_values);
  grad_keys.clear(keys * width), grad_values.clear(keys * value_width);
  int64_t together = 0;
  for (int64_t head = group * (n.H / n.G); head < (group + 1) * (n.H / n.G); ++head) {
    std::fill_n(at.grad_weight, n.D, T{0});
    std::fill_n(at.grad_table, table, T{0});
    for (int64_t block = 0; block < job.blocks(); ++block) {
      const Rows rows = job.rows_of_block(batch, head, block);
      int64_t* slot = job.slots ? job.slot_at(rows, index) : nullptr;
      if (slot && *slot < 0) continue;
      const bool any = BackwardBlock<T>(job, score, normalizer, rows, chunk, at).run();
      if (slot && !any) {  // the sum leaves this part out
        *slot = -1;
        continue;
      }
      if (any && ++together % kBlocksTogether == 0 && job.has_many_blocks())
        grad_keys.join(), grad_values.join();
      if (!any) std::fill_n(at.grad_queries, rows.rows * width, T{0});
      const GradRows<T> to = job.grad_rows(rows, index);
      for (int64_t i = 0; to.data && i < rows.rows; ++i) {
        store_row(at.grad_queries + i * width, n.D, job.problem.scale, to.data + i * to.row,
                  to.column);
      }
    }
    const int64_t slot = (index * n.B + batch) * n.H + head;
    if (job.weight_partial) std::copy_n(at.grad_weight, n.D, job.weight_partial + slot * n.D);
    if (job.distance_partial)
      std::copy_n(at.grad_table, table, job.distance_partial + slot * table);
  }
  const auto store = [&](View<T> to, const T* from, int64_t stride, int64_t count, T factor) {
    if (!to.data) return;
    T* first = to.at(batch, group) + chunk.begin * to.row;
    for (int64_t j = 0; j < keys; ++j) {
      store_row(from + j * stride, count, factor, first + j * to.row, to.column);
    }
  };
  grad_keys.close(), grad_values.close();
  store(job.to.k, at.grad_keys, width, n.D, job.problem.scale);
  store(job.to.v, at.grad_values, value_width, n.E, T{1});
}

template <class T>
void chunk_of(const BackwardJob<T>& job, int64_t batch, int64_t group, int64_t index,
              const BackwardBuffers<T>& at) {
  with_score(job.problem, [&](const Score<T>& score) {
    with_normalizer(job.problem, [&](const Normalizer<T>& normalizer) {
      run_chunk(job, score, normalizer, batch, group, index, at);
    });
  });
}

template <class T>
void prepare_rows(const BackwardJob<T>& job, const Rows& rows, const BackwardBuffers<T>& at) {
  with_score(job.problem, [&](const Score<T>& score) {
    with_normalizer(job.problem, [&](const Normalizer<T>& normalizer) {
      BackwardBlock<T>(job, score, normalizer, rows, {0, job.problem.sizes.Lk}, at).prepare();
    });
  });
}

}  // namespace

void backward_chunk_float(const BackwardJob<float>& job, int64_t batch, int64_t group,
                          int64_t chunk, const BackwardBuffers<float>& at) {
  chunk_of(job, batch, group, chunk, at);
}
void backward_chunk_double(const BackwardJob<double>& job, int64_t batch, int64_t group,
                           int64_t chunk, const BackwardBuffers<double>& at) {
  chunk_of(job, batch, group, chunk, at);
}
void backward_rows_float(const BackwardJob<float>& job, const Rows& rows,
                         const BackwardBuffers<float>& at) {
  prepare_rows(job, rows, at);
}
void backward_rows_double(const BackwardJob<double>& job, const Rows& rows,
                          const BackwardBuffers<double>& at) {
  prepare_rows(job, rows, at);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(backward_chunk_float);
HWY_EXPORT(backward_chunk_double);
HWY_EXPORT(backward_rows_float);
HWY_EXPORT(backward_rows_double);

void backward_chunk(const BackwardJob<float>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<float>& at) {
  HWY_DYNAMIC_DISPATCH(backward_chunk_float)(job, batch, group, chunk, at);
}

void backward_chunk(const BackwardJob<double>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<double>& at) {
  HWY_DYNAMIC_DISPATCH(backward_chunk_double)(job, batch, group, chunk, at);
}

void backward_rows(const BackwardJob<float>& job, const Rows& rows,
                   const BackwardBuffers<float>& at) {
  HWY_DYNAMIC_DISPATCH(backward_rows_float)(job, rows, at);
}

void backward_rows(const BackwardJob<double>& job, const Rows& rows,
                   const BackwardBuffers<double>& at) {
  HWY_DYNAMIC_DISPATCH(backward_rows_double)(job, rows, at);
}

}  // namespace heed::kernels
#endif
