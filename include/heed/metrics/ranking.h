// Where the one relevant item stands among all items, sorted by falling score.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heed {

/// The rank of item `target`, 1 the best of scores (V): the number of items whose score is not
/// smaller than its own. So among equal scores it stands last (pessimistic: a model that gives
/// every item one score is not rewarded), and a score that is NaN stands before every other. Throws
/// UsageError for a target outside 0 .. V - 1. Cost O(V).
int64_t rank_of(std::span<const float> scores, int64_t target);

/// Of B rows: scores (B, V) row by row, targets (B). Throws UsageError also: no row, a table of
/// another size. What must not be recommended (items already seen) gets a score of -infinity.
std::vector<int64_t> ranks_of(std::span<const float> scores, std::span<const int64_t> targets);

// Means over N ranks of one relevant item each; they throw UsageError: no rank, a rank or k
// below 1.

/// HR@k, the share of ranks <= k; where one item is relevant, recall@k is the same number.
double hit_rate(std::span<const int64_t> ranks, int64_t k);

/// NDCG@k: 1 / log2(1 + rank) where rank <= k, else 0; the ideal gain is 1.
double ndcg(std::span<const int64_t> ranks, int64_t k);

/// MRR: 1 / rank.
double mean_reciprocal_rank(std::span<const int64_t> ranks);

}  // namespace heed
