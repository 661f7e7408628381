// What backward's scheduling (backward.cc) and its arithmetic (attend_backward.cc, once a SIMD
// target) share.
#pragma once

#include "kernels/attend.h"
#include "kernels/blocks.h"
#include "kernels/masking.h"
#include "kernels/scratch.h"
#include "kernels/stages.h"

namespace heed::kernels {

/// Where the gradient of a block of queries goes; null: nowhere.
template <class T>
struct GradRows {
  T* data;
  int64_t row, column;
};

/// Blocks of queries whose gradients of keys and values are added up before they join the others'.
inline constexpr int64_t kBlocksTogether = 16;

template <class T>
struct BackwardJob {
  const Problem<T>& problem;
  View<const T> out;
  const RowStats<const T>& row_stats;
  View<const T> grad_out;
  const Gradients<T>& to;
  int64_t block;  ///< queries that go together
  int64_t chunk_keys, chunks;
  T *delta, *second;  ///< (B, H, Lq): what Normalizer::conclude made
  T* row_gradients;   ///< (B, H, Lq): of the number per head
  T* partial;         ///< (slots, block, D) where there are several chunks and to.q is wanted
  T* weight_partial;  ///< (chunks, B, H, D) where the score has a weight
  int64_t* slots = nullptr;       ///< (chunks, B, H, blocks of queries) with partial; see slot_at
  T* distance_partial = nullptr;  ///< (chunks, B, H, 2 most + 1, width) where it is wanted

  /// Whether gradients of keys and values are sums of many blocks of queries.
  bool has_many_blocks() const {
    return blocks() * (problem.sizes.H / std::max<int64_t>(problem.sizes.G, 1)) > kBlocksTogether;
  }

  /// Of a head.
  int64_t blocks() const { return divide_up(problem.sizes.Lq, block); }

  Rows rows_of_block(int64_t batch, int64_t head, int64_t index) const {
    const int64_t row = index * block;
    return {batch, head, row, std::min(block, problem.sizes.Lq - row)};
  }

  int64_t rows_from(int64_t batch, int64_t head, int64_t row) const {
    return (batch * problem.sizes.H + head) * problem.sizes.Lq + row;
  }

  /// Where in `partial` a chunk leaves its part of the gradient of a block of queries; -1: nowhere,
  /// because they see none of its keys.
  int64_t* slot_at(const Rows& rows, int64_t chunk) const {
    const Sizes& n = problem.sizes;
    return slots + ((chunk * n.B + rows.batch) * n.H + rows.head) * blocks() + rows.row / block;
  }

  /// For a block of queries, summed over one chunk of keys.
  GradRows<T> grad_rows(const Rows& rows, int64_t chunk) const {
    if (!to.q.data) return {nullptr, 0, 0};
    if (!slots)
      return {to.q.at(rows.batch, rows.head) + rows.row * to.q.row, to.q.row, to.q.column};
    const int64_t width = problem.sizes.D;
    return {partial + *slot_at(rows, chunk) * block * width, width, 1};
  }
};

/// Of one thread; all but the gradients of keys and values have a size that does not depend on the
/// lengths.
template <class T>
struct BackwardBuffers {
  T *queries, *prepared, *grads, *plain_queries, *plain_grads, *plain_keys, *keys;
  T *scores, *gradient, *factors, *kept, *grad_queries, *total_queries;
  RowState<T> number, delta;
  T *sums, *grad_weight;
  T *by_distance, *of_distances, *grad_table;
  uint8_t* hidden;
  /// Of the chunk's keys; the totals where a head's queries are many (kBlocksTogether).
  T *grad_keys = nullptr, *grad_values = nullptr, *total_keys = nullptr, *total_values = nullptr;

  BackwardBuffers(Arena& arena, const Problem<T>& problem) {
    const int64_t width = round_up(problem.sizes.D, kAlign);
    const int64_t value_width = round_up(problem.sizes.E, kAlign);
    const int64_t tile = kKeys * kStride;
    const bool has_weight = problem.score != ScoreKind::dot;
    queries = arena.take<T>(problem.sizes.D * kStride);
    prepared = arena.take<T>(has_weight ? (problem.sizes.D + 1) * kStride : 0);
    grads = arena.take<T>(problem.sizes.E * kStride);
    plain_queries = arena.take<T>(kQueries * width);
    plain_grads = arena.take<T>(kQueries * value_width);
    plain_keys = arena.take<T>(kKeys * width);
    keys = arena.take<T>(has_weight ? kKeys * problem.sizes.D : 0);
    scores = arena.take<T>(tile);
    gradient = arena.take<T>(tile);
    factors = arena.take<T>(problem.dropout > 0 ? tile : 0);
    kept = arena.take<T>(static_cast<int64_t>(problem.modifiers.size()) * tile);
    grad_queries = arena.take<T>(kQueries * width);
    total_queries = arena.take<T>(problem.sizes.Lk > kStretch ? 2 * kQueries * width : 0);
    number = {arena.take<T>(kStride), arena.take<T>(kStride)};
    delta = {arena.take<T>(kStride), arena.take<T>(kStride)};
    sums = arena.take<T>(kRowSums * kStride);
    grad_weight = arena.take<T>(problem.sizes.D);
    const auto& distances = problem.distance_values;
    const int64_t of_distance = distances.count() * kStride;
    by_distance = arena.take<T>(of_distance);
    of_distances = arena.take<T>(of_distance);
    grad_table = arena.take<T>(distances.count() * distances.width);
    hidden = arena.take<uint8_t>(problem.masks.empty() ? 0 : std::max(tile, of_distance));
  }
};

/// What backward_chunk needs of a block of queries before: job.delta, second and row_gradients.
void backward_rows(const BackwardJob<float>& job, const Rows& rows,
                   const BackwardBuffers<float>& at);
void backward_rows(const BackwardJob<double>& job, const Rows& rows,
                   const BackwardBuffers<double>& at);

/// The chunk's keys of one batch and key-value head, against all queries of the group.
void backward_chunk(const BackwardJob<float>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<float>& at);
void backward_chunk(const BackwardJob<double>& job, int64_t batch, int64_t group, int64_t chunk,
                    const BackwardBuffers<double>& at);

}  // namespace heed::kernels
