// Where the item that came next stands among all items.
#pragma once

#include <functional>

#include "heed/tasks/head.h"
#include "tasks/heads/classes.h"

namespace heed {

/// Sets scores (B, V) float32 of the items in `seen` (B, S), -1 for none, to -infinity.
void leave_seen_out(at::Tensor& scores, const at::Tensor& seen);

/// The names of the `count` best items of scores (V), -infinity left out, best first.
struct RankedItem {
  int64_t item;
  float score;

  template <class V>
  void members(V& v) {
    v(item), v(score);
  }
};
std::vector<std::vector<RankedItem>> best_items(const at::Tensor& scores, int64_t count);

struct RankingScorerOptions {
  int64_t k = 10;
  bool leave_seen_out = true;
  bool quick = false;  ///< without the items for outputs()
};

/// (B, V) float32, a new tensor, of all items.
using ScoresOf = std::function<at::Tensor(const Tokens&, const Batch&)>;

/// HR@k, NDCG@k, MRR and the loss over all items, by batch tensors `seen` and `target` (-1: an item
/// that training does not know, which is missed). The baseline answers the most frequent items.
std::unique_ptr<Scorer> make_ranking_scorer(const Classes& items, ScoresOf scores,
                                            const RankingScorerOptions& options);

}  // namespace heed
