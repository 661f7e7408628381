// What backward's scheduling (backward.cc) and its arithmetic (attend_backward.cc, once a SIMD
// target) share.
#pragma once

#include "kernels/attend.h"
#include "kernels/blocks.h"
#include "kernels/scratch.h"

namespace heed::kernels {

/// Where the gradient of a block of queries goes; null: nowhere.
template <class T>
struct GradRows {
  T* data;
  int64_t row, column;
};

template <class T>
struct BackwardJob {
  const Problem<T>& problem;
  View<const T> out;
  const T* lse;
  View<const T> grad_out;
  View<T> grad_q, grad_k, grad_v;
  int64_t chunk_keys, chunks;
  T* partial;  ///< (chunks, B, H, Lq, D) where there are several chunks and grad_q is wanted

  /// For queries from `row` on, summed over one chunk of keys.
  GradRows<T> grad_rows(int64_t batch, int64_t head, int64_t row, int64_t chunk) const {
    if (!grad_q.data) return {nullptr, 0, 0};
    if (chunks == 1) return {grad_q.at(batch, head) + row * grad_q.row, grad_q.row, grad_q.column};
    const Sizes& n = problem.sizes;
    return {partial + (((chunk * n.B + batch) * n.H + head) * n.Lq + row) * n.D, n.D, 1};
  }
};

/// Of one thread; all but grad_keys and grad_values have a size that does not depend on the
/// lengths.
template <class T>
struct BackwardBuffers {
  T *queries, *grads, *plain_queries, *plain_grads, *plain_keys;
  T *scores, *gradient, *factors, *kept, *grad_queries;
  T *number, *delta;
  uint8_t* hidden;
  T *grad_keys = nullptr, *grad_values = nullptr;

  BackwardBuffers(Cutter& cut, const Problem<T>& problem) {
    const int64_t width = round_up(problem.sizes.D, kAlign);
    const int64_t value_width = round_up(problem.sizes.E, kAlign);
    const int64_t tile = kKeys * kStride;
    queries = cut.take<T>(problem.sizes.D * kStride);
    grads = cut.take<T>(problem.sizes.E * kStride);
    plain_queries = cut.take<T>(kQueries * width);
    plain_grads = cut.take<T>(kQueries * value_width);
    plain_keys = cut.take<T>(kKeys * width);
    scores = cut.take<T>(tile);
    gradient = cut.take<T>(tile);
    factors = cut.take<T>(problem.dropout > 0 ? tile : 0);
    kept = cut.take<T>(static_cast<int64_t>(problem.modifiers.size()) * tile);
    grad_queries = cut.take<T>(kQueries * width);
    number = cut.take<T>(kStride);
    delta = cut.take<T>(kStride);
    hidden = cut.take<uint8_t>(problem.masks.empty() ? 0 : tile);
  }
};

void backward_chunk(const BackwardJob<float>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<float>& at);
void backward_chunk(const BackwardJob<double>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<double>& at);

}  // namespace heed::kernels
