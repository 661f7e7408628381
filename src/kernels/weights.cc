// Which thread looks at which weights.
//
// A pass is cut into chunks of rows, whole rows of cells each, so that no two tasks share a cell; a
// task walks over its chunk in blocks of queries. Sums over the rows come in a part a chunk, added in
// their order, so there are at most 32 of them: 256 bytes a key. The transposed product is cut into
// chunks of keys, which own their rows of the result.
#include "kernels/weights.h"

#include <algorithm>
#include <vector>

#include "heed/core/threads.h"
#include "kernels/weights_tasks.h"

namespace heed::kernels {
namespace {

constexpr int64_t kChunks = 32;      // at most
constexpr int64_t kLeastBlocks = 4;  // of a chunk, so that few of them are cut short by cells

/// Calls work(chunk, buffers), the last chunk first: under a causal mask it is the longest, and long
/// pieces should not come last.
template <class T, class Work>
void share(const Problem<T>& problem, int64_t chunks, int64_t width, Work&& work) {
  parallel_for(chunks, [&](int64_t task) {
    Arena count;
    WeightsBuffers<T>(count, problem, width);
    Arena arena(thread_scratch(count.used()));
    work(chunks - 1 - task, WeightsBuffers<T>(arena, problem, width));
  });
}

template <class T>
double look(const Problem<T>& problem, const RowStats<const T>& row_stats, const Part& part,
            const Looks<T>& looks) {
  const int64_t rows = part.rows.end - part.rows.begin;
  const int64_t columns = part.columns.end - part.columns.begin;
  const int64_t block = queries_of_block(problem);
  const int64_t least = std::max(divide_up(rows, kChunks), kLeastBlocks * block);
  const int64_t of_cell = looks.cells.take ? looks.cells.rows : 1;
  LookJob<T> job{
      problem, row_stats, part, looks, block, alignment_of(problem) > 1, round_up(least, of_cell),
      nullptr, nullptr};
  const int64_t chunks = divide_up(rows, job.chunk_rows);
  std::vector<double> sums(static_cast<size_t>(looks.column_sums ? chunks * columns : 0));
  std::vector<double> greatest(static_cast<size_t>(chunks + 1), 0.0);
  job.sums = sums.data(), job.greatest = greatest.data();
  share(problem, chunks, 0, [&](int64_t chunk, const WeightsBuffers<T>& buffers) {
    look_at_chunk(job, chunk, buffers);
  });
  for (int64_t j = 0; looks.column_sums && j < columns; ++j) {
    double sum = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += job.sums[chunk * columns + j];
    looks.column_sums[j] = sum;
  }
  return *std::max_element(greatest.begin(), greatest.end());
}

template <class T>
void transposed(const Problem<T>& problem, const RowStats<const T>& row_stats, View<const T> x,
                int64_t width, View<T> out) {
  const Sizes& n = problem.sizes;
  const int64_t heads = n.B * n.H;
  const TransposedJob<T> job{problem,
                             row_stats,
                             x,
                             width,
                             out,
                             queries_of_block(problem),
                             keys_of_chunk(heads, std::max<int64_t>(n.Lk, 1))};
  const int64_t chunks = divide_up(n.Lk, job.chunk_keys);
  share(problem, heads * chunks, width, [&](int64_t item, const WeightsBuffers<T>& buffers) {
    const AlignedMemory<T> sums = aligned_memory<T>(3 * job.chunk_keys * round_up(width, kAlign));
    const int64_t head = item % heads;
    transposed_chunk(job, head / n.H, head % n.H, item / heads, buffers, sums.get());
  });
}

}  // namespace

template <>
double look_at_weights(const Problem<float>& problem, const RowStats<const float>& row_stats,
                       const Part& part, const Looks<float>& looks) {
  return look(problem, row_stats, part, looks);
}

template <>
double look_at_weights(const Problem<double>& problem, const RowStats<const double>& row_stats,
                       const Part& part, const Looks<double>& looks) {
  return look(problem, row_stats, part, looks);
}

template <>
void transposed_times(const Problem<float>& problem, const RowStats<const float>& row_stats,
                      View<const float> x, int64_t width, View<float> out) {
  transposed(problem, row_stats, x, width, out);
}

template <>
void transposed_times(const Problem<double>& problem, const RowStats<const double>& row_stats,
                      View<const double> x, int64_t width, View<double> out) {
  transposed(problem, row_stats, x, width, out);
}

}  // namespace heed::kernels
