// Which thread computes what in backward, and the sum of the partial gradients of the queries.
#include "kernels/backward.h"

#include <algorithm>

#include "heed/core/threads.h"

namespace heed::kernels {
namespace {

/// The dimensions over which work may be shared: all but those that a modifier's gradient forbids.
struct Units {
  int64_t batches, groups, chunk_keys, chunks;
};

template <class T>
Units units_of(const Problem<T>& problem) {
  const int64_t keys = std::max<int64_t>(problem.sizes.Lk, 1);
  Units units{problem.sizes.B, problem.sizes.G, keys, 1};
  bool one_chunk = false;
  for (const Modifier<T>* modifier : problem.modifiers) {
    if (modifier->shares_batch()) units.batches = 1;
    if (modifier->shares_head()) units.groups = 1;
    one_chunk |= modifier->shares_key();
  }
  if (!one_chunk) units.chunk_keys = keys_of_chunk(units.batches * units.groups, keys);
  units.chunks = divide_up(keys, units.chunk_keys);
  return units;
}

/// Every batch and group that `unit` stands for, in order.
template <class T, class Visit>
void for_each_head(const Sizes& n, const Units& units, int64_t unit, Visit&& visit) {
  const int64_t batch = unit / units.groups, group = unit % units.groups;
  const int64_t batches = n.B / units.batches, groups = n.G / units.groups;
  for (int64_t b = batch * batches; b < (batch + 1) * batches; ++b) {
    for (int64_t g = group * groups; g < (group + 1) * groups; ++g) visit(b, g);
  }
}

/// grad_q = the sum of the chunks' partial gradients, in their order.
template <class T>
void sum_partials(const BackwardJob<T>& job) {
  const Sizes& n = job.problem.sizes;
  const int64_t blocks = divide_up(n.Lq, kQueries), chunk_size = n.B * n.H * n.Lq * n.D;
  const int64_t each = items_per_task(4.0 * kQueries * n.D * job.chunks);
  const int64_t items = n.B * n.H * blocks;
  parallel_for(divide_up(items, each), [&](int64_t task) {
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      const int64_t head = item / blocks, first = item % blocks * kQueries;
      for (int64_t row = first; row < std::min(n.Lq, first + kQueries); ++row) {
        const T* sum_of = job.partial + (head * n.Lq + row) * n.D;
        T* to = job.grad_q.at(head / n.H, head % n.H) + row * job.grad_q.row;
        for (int64_t e = 0; e < n.D; ++e) {
          T sum = sum_of[e];
          for (int64_t c = 1; c < job.chunks; ++c) sum += sum_of[c * chunk_size + e];
          to[e * job.grad_q.column] = sum;
        }
      }
    }
  });
}

template <class T>
void backward(const Problem<T>& problem, View<const T> out, const T* lse, View<const T> grad_out,
              View<T> grad_q, View<T> grad_k, View<T> grad_v) {
  const Sizes& n = problem.sizes;
  const Units units = units_of(problem);
  BackwardJob<T> job{problem,          out,          lse,    grad_out, grad_q, grad_k, grad_v,
                     units.chunk_keys, units.chunks, nullptr};
  AlignedMemory<T> partial;
  if (job.chunks > 1 && grad_q.data) {
    partial = aligned_memory<T>(job.chunks * n.B * n.H * n.Lq * n.D);
    job.partial = partial.get();
  }
  // Chunk by chunk: under a causal mask the first is the longest, and long pieces should not come
  // last.
  const int64_t heads = units.batches * units.groups, items = heads * units.chunks;
  const double operations = 4.0 * static_cast<double>(n.B * n.H) * n.Lq * n.Lk * (n.D + n.E) /
                            std::max<double>(1, static_cast<double>(items));
  const int64_t each = items_per_task(operations);
  const int64_t keys = std::min(units.chunk_keys, n.Lk);
  parallel_for(divide_up(items, each), [&](int64_t task) {
    Cutter count;
    BackwardBuffers<T>(count, problem);
    Cutter cut(thread_scratch(count.used()));
    BackwardBuffers<T> buffers(cut, problem);
    const AlignedMemory<T> grad_keys = aligned_memory<T>(keys * round_up(n.D, kAlign));
    const AlignedMemory<T> grad_values = aligned_memory<T>(keys * round_up(n.E, kAlign));
    buffers.grad_keys = grad_keys.get(), buffers.grad_values = grad_values.get();
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      for_each_head<T>(n, units, item % heads, [&](int64_t batch, int64_t group) {
        backward_chunk(job, batch, group, item / heads, buffers);
      });
    }
  });
  if (job.partial) sum_partials(job);
}

}  // namespace

template <>
void attend_backward(const Problem<float>& problem, View<const float> out, const float* lse,
                     View<const float> grad_out, View<float> grad_q, View<float> grad_k,
                     View<float> grad_v) {
  backward(problem, out, lse, grad_out, grad_q, grad_k, grad_v);
}

template <>
void attend_backward(const Problem<double>& problem, View<const double> out, const double* lse,
                     View<const double> grad_out, View<double> grad_q, View<double> grad_k,
                     View<double> grad_v) {
  backward(problem, out, lse, grad_out, grad_q, grad_k, grad_v);
}

}  // namespace heed::kernels
