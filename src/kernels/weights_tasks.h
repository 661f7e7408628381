// What the scheduling of a pass over weights (weights.cc) and its arithmetic (attend_weights.cc,
// once a SIMD target) share.
#pragma once

#include "kernels/blocks.h"
#include "kernels/masking.h"
#include "kernels/scratch.h"
#include "kernels/stages.h"
#include "kernels/weights.h"

namespace heed::kernels {

/// Of one thread; the sizes do not depend on the lengths.
template <class T>
struct WeightsBuffers {
  T *queries, *prepared, *scores, *keys, *pooled, *x;
  RowState<T> number;
  double* entropy;

  /// `width`: of what weights are multiplied with.
  WeightsBuffers(Arena& arena, const Problem<T>& problem, int64_t width) {
    const bool has_weight = problem.score != ScoreKind::dot;
    queries = arena.take<T>(problem.sizes.D * kStride);
    prepared = arena.take<T>(has_weight ? (problem.sizes.D + 1) * kStride : 0);
    scores = arena.take<T>(kKeys * kStride);
    keys = arena.take<T>(has_weight ? kKeys * problem.sizes.D : 0);
    pooled = arena.take<T>(kStride);
    x = arena.take<T>(kQueries * round_up(width, kAlign));
    number = {arena.take<T>(kStride), arena.take<T>(kStride)};
    entropy = arena.take<double>(kStride);
  }
};

/// Where a pass leaves what it finds of a chunk of the part's rows.
template <class T>
struct LookJob {
  const Problem<T>& problem;
  const RowStats<const T>& row_stats;
  const Part& part;
  const Looks<T>& looks;
  int64_t block;       ///< queries that go together
  bool aligned;        ///< blocks begin at multiples of `block`
  int64_t chunk_rows;  ///< whole cells
  double* sums;        ///< (chunks, columns), where column sums are wanted
  double* greatest;    ///< (chunks)
};

template <class T>
struct TransposedJob {
  const Problem<T>& problem;
  const RowStats<const T>& row_stats;
  View<const T> x;
  int64_t width;
  View<T> out;
  int64_t block, chunk_keys;
};

/// Blocks of queries whose products are added up before they join the others.
inline constexpr int64_t kTogether = 16;

void look_at_chunk(const LookJob<float>& job, int64_t chunk, const WeightsBuffers<float>& at);
void look_at_chunk(const LookJob<double>& job, int64_t chunk, const WeightsBuffers<double>& at);

/// `sums`: room for the chunk's keys, three times as many numbers as they have.
void transposed_chunk(const TransposedJob<float>& job, int64_t batch, int64_t head, int64_t chunk,
                      const WeightsBuffers<float>& at, float* sums);
void transposed_chunk(const TransposedJob<double>& job, int64_t batch, int64_t head, int64_t chunk,
                      const WeightsBuffers<double>& at, double* sums);

}  // namespace heed::kernels
