// How a problem is cut into blocks, tiles and tasks. By sizes alone: never by the number of
// threads, so that any number gives the same bits.
//
// A block of 96 queries meets a block of 72 keys in a tile of scores. In float32 with D = E = 64
// one tile touches
//   queries, transposed   64 x 112 x 4 = 28 KiB     keys    72 x 64 x 4 = 18 KiB
//   scores                72 x 112 x 4 = 32 KiB     values  72 x 64 x 4 = 18 KiB
//   output                 96 x 64 x 4 = 24 KiB
// 120 KiB, which stays in a 256 KiB second-level cache; what a product reads again and again (its
// right operand) is 18 to 28 KiB and stays in a 32 KiB first-level cache. Keys and values come from
// memory once per query block: 2 x 72 x 64 x 4 bytes for 4 x 96 x 72 x 64 operations, 48 operations
// a byte. Both sides are whole multiples of the 6 rows of the micro-kernel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/attend.h"

namespace heed::kernels {

inline constexpr int64_t kQueries = 96;  ///< of a block; a multiple of every panel width
inline constexpr int64_t kKeys = 72;     ///< of a block
static_assert(kPageRows == kKeys);
/// Between a tile's keys: one panel more than the queries, so that a column of panels does not fall
/// on one cache set.
inline constexpr int64_t kStride = kQueries + 16;
inline constexpr int64_t kMaxLanes = 16;  ///< of a vector; two vectors are a panel
inline constexpr int64_t kAlign = 2 * kMaxLanes;

/// Keys whose tiles are added up before their sum joins the total, cut by the keys' places: so a
/// row's sum does not depend on what the rows beside it see.
inline constexpr int64_t kStretch = 64 * kKeys;

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

/// The keys of one chunk. Backward shares its work over chunks of keys when batch and heads
/// (`others`) are few. Every chunk needs a partial gradient of all the queries, so there are at
/// most 16 of them, and none is shorter than two blocks.
inline int64_t keys_of_chunk(int64_t others, int64_t keys) {
  const int64_t wanted = divide_up(16, std::max<int64_t>(others, 1));
  return std::max(2 * kKeys, round_up(divide_up(keys, wanted), kKeys));
}

struct Turn {
  int64_t head, piece;
};

/// Which piece of which head comes as number `item`. Heads take turns, so that the first pieces of
/// all, under a causal mask the longest, come first; but only as many heads as have the `bytes`
/// that each of them reads again and again together in a core's part of a third-level cache. At L =
/// 8192, where that is one, one thread is 1.1 times as fast for it.
inline Turn turn_of(int64_t item, int64_t heads, int64_t pieces, int64_t bytes) {
  constexpr int64_t kPart = int64_t{4} << 20;
  const int64_t together = std::max<int64_t>(1, kPart / std::max<int64_t>(bytes, 1));
  const int64_t first = item / pieces / together * together;
  const int64_t others = std::min(together, heads - first), turn = item - first * pieces;
  return {first + turn % others, turn / others};
}

/// Items to give to one task, so that a task is worth the 0.2 us that handing it out costs;
/// `operations` is an item's.
inline int64_t items_per_task(double operations) {
  constexpr double kWorth = 1e6;  // 10 to 20 us of one core
  return operations >= kWorth ? 1 : static_cast<int64_t>(kWorth / std::max(operations, 1.0));
}

}  // namespace heed::kernels
