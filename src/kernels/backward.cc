// Which thread computes what in backward, and the sum of the partial gradients of the queries.
#include "kernels/backward.h"

#include <algorithm>

#include "core/huge_pages.h"
#include "heed/core/threads.h"
#include "kernels/masking.h"

namespace heed::kernels {
namespace {

/// The dimensions over which work may be shared: all but those that a modifier's gradient forbids.
struct WorkSplit {
  int64_t batches, groups, chunk_keys, chunks;
};

template <class T>
WorkSplit split_of(const Problem<T>& problem) {
  const int64_t keys = std::max<int64_t>(problem.sizes.Lk, 1);
  WorkSplit split{problem.sizes.B, problem.sizes.G, keys, 1};
  bool one_chunk = false;
  for (const Modifier<T>* modifier : problem.modifiers) {
    if (modifier->shares_batch()) split.batches = 1;
    if (modifier->shares_head()) split.groups = 1;
    one_chunk |= modifier->shares_key();
  }
  if (!one_chunk) split.chunk_keys = keys_of_chunk(split.batches * split.groups, keys);
  split.chunks = divide_up(keys, split.chunk_keys);
  return split;
}

/// Every batch and group that `unit` stands for, in order.
template <class T, class Visit>
void for_each_head(const Sizes& n, const WorkSplit& split, int64_t unit, Visit&& visit) {
  const int64_t batch = unit / split.groups, group = unit % split.groups;
  const int64_t batches = n.B / split.batches, groups = n.G / split.groups;
  for (int64_t b = batch * batches; b < (batch + 1) * batches; ++b) {
    for (int64_t g = group * groups; g < (group + 1) * groups; ++g) visit(b, g);
  }
}

/// Calls compute(task's buffers, item) for every item.
template <class T, class Compute>
void share(const Problem<T>& problem, int64_t items, double operations, Compute&& compute) {
  const int64_t each = items_per_task(operations);
  parallel_for(divide_up(items, each), [&](int64_t task) {
    Arena count;
    BackwardBuffers<T>(count, problem);
    Arena arena(thread_scratch(count.used()));
    BackwardBuffers<T> buffers(arena, problem);
    compute(buffers, task * each, std::min(items, (task + 1) * each));
  });
}

/// The block of queries that `item` stands for, of every head's blocks.
template <class T>
Rows block_of(const BackwardJob<T>& job, int64_t item) {
  const int64_t head = item / job.blocks();
  return job.rows_of_block(head / job.problem.sizes.H, head % job.problem.sizes.H,
                           item % job.blocks());
}

template <class T>
int64_t blocks_of_heads(const BackwardJob<T>& job) {
  return job.problem.sizes.B * job.problem.sizes.H * job.blocks();
}

template <class T>
void prepare_rows(const BackwardJob<T>& job) {
  share(job.problem, blocks_of_heads(job),
        2.0 * static_cast<double>(job.block * job.problem.sizes.E),
        [&](const BackwardBuffers<T>& buffers, int64_t begin, int64_t end) {
          for (int64_t item = begin; item < end; ++item)
            backward_rows(job, block_of(job, item), buffers);
        });
}

/// Numbers the blocks of queries that see something of a chunk, chunk by chunk. How many there are.
template <class T>
int64_t number_slots(const BackwardJob<T>& job) {
  const int64_t blocks = blocks_of_heads(job), items = job.chunks * blocks;
  const int64_t each = items_per_task(1000.0 * static_cast<double>(job.problem.masks.size() + 1));
  parallel_for(divide_up(items, each), [&](int64_t task) {
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      const Rows rows = block_of(job, item % blocks);
      const int64_t first = item / blocks * job.chunk_keys;
      const Span keys = span_of(job.problem, rows,
                                {first, std::min(job.problem.sizes.Lk, first + job.chunk_keys)});
      const bool any =
          keys.begin < keys.end && coverage_of(job.problem, rows, keys) != Coverage::none;
      *job.slot_at(rows, item / blocks) = any ? 0 : -1;
    }
  });
  int64_t count = 0;
  for (int64_t item = 0; item < items; ++item)
    if (job.slots[item] == 0) job.slots[item] = count++;
  return count;
}

/// to (rows, width) += part (rows, width), any strides between to's numbers.
template <class T>
void add_rows(const T* __restrict__ part, int64_t rows, int64_t width, const GradRows<T>& to) {
  for (int64_t i = 0; i < rows; ++i, part += width) {
    T* __restrict__ sums = to.data + i * to.row;
    if (to.column == 1)
      for (int64_t e = 0; e < width; ++e) sums[e] += part[e];
    else
      for (int64_t e = 0; e < width; ++e) sums[e * to.column] += part[e];
  }
}

/// to.q = the sum of the chunks' partial gradients, in their order, of those that there are.
template <class T>
void sum_partials(const BackwardJob<T>& job) {
  const int64_t width = job.problem.sizes.D, items = blocks_of_heads(job);
  const int64_t each = items_per_task(4.0 * static_cast<double>(job.block * width * job.chunks));
  const View<T>& q = job.to.q;
  parallel_for(divide_up(items, each), [&](int64_t task) {
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      const Rows rows = block_of(job, item);
      const GradRows<T> to{q.at(rows.batch, rows.head) + rows.row * q.row, q.row, q.column};
      for (int64_t i = 0; i < rows.rows; ++i)
        for (int64_t e = 0; e < width; ++e) to.data[i * to.row + e * to.column] = 0;
      for (int64_t c = 0; c < job.chunks; ++c)
        if (*job.slot_at(rows, c) >= 0) add_rows(job.grad_rows(rows, c).data, rows.rows, width, to);
    }
  });
}

/// What belongs to a head, summed over chunks, batches and rows in that order.
template <class T>
void sum_heads(const BackwardJob<T>& job) {
  const Sizes& n = job.problem.sizes;
  for (int64_t h = 0; h < n.H; ++h) {
    for (int64_t e = 0; job.to.score_weight && e < n.D; ++e) {
      double sum = 0;
      for (int64_t c = 0; c < job.chunks * n.B; ++c) {
        sum += job.weight_partial[(c * n.H + h) * n.D + e];
      }
      job.to.score_weight[h * n.D + e] = static_cast<T>(sum);
    }
    const auto& distances = job.problem.distance_values;
    const int64_t table = distances.count() * distances.width;
    for (int64_t x = 0; job.distance_partial && x < table; ++x) {
      double sum = 0;
      for (int64_t c = 0; c < job.chunks * n.B; ++c) {
        sum += job.distance_partial[(c * n.H + h) * table + x];
      }
      job.to.distance_values[h * table + x] = static_cast<T>(sum);
    }
    if (!job.to.per_head) continue;
    double sum = 0;
    for (int64_t b = 0; b < n.B; ++b) {
      for (int64_t i = 0; i < n.Lq; ++i) sum += job.row_gradients[job.rows_from(b, h, i)];
    }
    job.to.per_head[h] = static_cast<T>(sum);
  }
}

template <class T>
void backward(const Problem<T>& problem, View<const T> out, const RowStats<const T>& row_stats,
              View<const T> grad_out, const Gradients<T>& to) {
  const Sizes& n = problem.sizes;
  const WorkSplit split = split_of(problem);
  const int64_t rows = n.B * n.H * n.Lq;
  const AlignedMemory<T> of_rows = aligned_memory<T>(3 * rows);
  BackwardJob<T> job{problem,
                     out,
                     row_stats,
                     grad_out,
                     to,
                     queries_of_block(problem),
                     split.chunk_keys,
                     split.chunks,
                     of_rows.get(),
                     of_rows.get() + rows,
                     of_rows.get() + 2 * rows,
                     nullptr,
                     nullptr};
  AlignedMemory<T> partial, weight_partial, distance_partial;
  AlignedMemory<int64_t> slots;
  if (job.chunks > 1 && to.q.data) {
    slots = aligned_memory<int64_t>(job.chunks * blocks_of_heads(job));
    job.slots = slots.get();
    const int64_t numbers_of_parts = number_slots(job) * job.block * n.D;
    partial = aligned_memory<T>(numbers_of_parts);
    take_huge_pages(partial.get(), sizeof(T) * static_cast<size_t>(numbers_of_parts));
  }
  if (to.score_weight) weight_partial = aligned_memory<T>(job.chunks * n.B * n.H * n.D);
  if (to.distance_values) {
    const auto& distances = problem.distance_values;
    distance_partial =
        aligned_memory<T>(job.chunks * n.B * n.H * distances.count() * distances.width);
  }
  job.partial = partial.get(), job.weight_partial = weight_partial.get();
  job.distance_partial = distance_partial.get();
  prepare_rows(job);
  // Chunk by chunk: under a causal mask the first is the longest, and long pieces should not come
  // last.
  const int64_t heads = split.batches * split.groups, items = heads * split.chunks;
  const double operations = 4.0 * static_cast<double>(n.B * n.H) * n.Lq * n.Lk * (n.D + n.E) /
                            std::max<double>(1, static_cast<double>(items));
  const int64_t keys = std::min(split.chunk_keys, n.Lk);
  const int64_t bytes = n.Lq * (n.D + n.E) * static_cast<int64_t>(sizeof(T));
  share(problem, items, operations, [&](BackwardBuffers<T>& buffers, int64_t begin, int64_t end) {
    const int64_t parts = job.has_many_blocks() ? 3 : 1;
    const int64_t of_keys = keys * round_up(n.D, kAlign), of_values = keys * round_up(n.E, kAlign);
    const AlignedMemory<T> grad_keys = aligned_memory<T>(parts * of_keys);
    const AlignedMemory<T> grad_values = aligned_memory<T>(parts * of_values);
    buffers.grad_keys = grad_keys.get(), buffers.grad_values = grad_values.get();
    buffers.total_keys = buffers.grad_keys + of_keys;
    buffers.total_values = buffers.grad_values + of_values;
    for (int64_t item = begin; item < end; ++item) {
      const auto [unit, chunk] = turn_of(item, heads, split.chunks, bytes);
      for_each_head<T>(n, split, unit, [&, chunk = chunk](int64_t batch, int64_t group) {
        backward_chunk(job, batch, group, chunk, buffers);
      });
    }
  });
  if (job.slots) sum_partials(job);
  sum_heads(job);
}

}  // namespace

template <>
int64_t backward_chunks(const Problem<float>& problem) noexcept {
  return split_of(problem).chunks;
}

template <>
int64_t backward_chunks(const Problem<double>& problem) noexcept {
  return split_of(problem).chunks;
}

template <>
void attend_backward(const Problem<float>& problem, View<const float> out,
                     const RowStats<const float>& row_stats, View<const float> grad_out,
                     const Gradients<float>& gradients) {
  backward(problem, out, row_stats, grad_out, gradients);
}

template <>
void attend_backward(const Problem<double>& problem, View<const double> out,
                     const RowStats<const double>& row_stats, View<const double> grad_out,
                     const Gradients<double>& gradients) {
  backward(problem, out, row_stats, grad_out, gradients);
}

}  // namespace heed::kernels
