#include "heed/metrics/ranking.h"

#include <cmath>
#include <string>

#include "metrics/check.h"

namespace heed {
namespace {

template <class Gain>
double mean_gain(const char* metric, std::span<const int64_t> ranks, Gain&& gain) {
  metric::check_sizes(metric, ranks.size(), ranks.size());
  double sum = 0;
  for (const int64_t rank : ranks) {
    if (rank < 1)
      throw UsageError(std::string(metric) + ": expected ranks of at least 1, given " +
                       std::to_string(rank));
    sum += gain(rank);
  }
  return sum / static_cast<double>(ranks.size());
}

void check_k(const char* metric, int64_t k) {
  if (k < 1)
    throw UsageError(std::string(metric) + ": expected a k of at least 1, given " +
                     std::to_string(k));
}

}  // namespace

int64_t rank_of(std::span<const float> scores, int64_t target) {
  metric::check_range("rank_of: target", {&target, 1}, static_cast<int64_t>(scores.size()));
  const float own = scores[static_cast<size_t>(target)];
  int64_t rank = 0;
  for (const float score : scores) rank += score < own ? 0 : 1;
  return rank;
}

std::vector<int64_t> ranks_of(std::span<const float> scores, std::span<const int64_t> targets) {
  const size_t items = targets.empty() ? 0 : scores.size() / targets.size();
  metric::check_table("ranks_of", scores.size(), targets.size(), static_cast<int64_t>(items));
  std::vector<int64_t> ranks;
  for (size_t i = 0; i < targets.size(); ++i)
    ranks.push_back(rank_of(scores.subspan(i * items, items), targets[i]));
  return ranks;
}

double hit_rate(std::span<const int64_t> ranks, int64_t k) {
  check_k("hit_rate", k);
  return mean_gain("hit_rate", ranks, [k](int64_t rank) { return rank <= k ? 1.0 : 0.0; });
}

double ndcg(std::span<const int64_t> ranks, int64_t k) {
  check_k("ndcg", k);
  return mean_gain("ndcg", ranks, [k](int64_t rank) {
    return rank <= k ? 1 / std::log2(1 + static_cast<double>(rank)) : 0;
  });
}

double mean_reciprocal_rank(std::span<const int64_t> ranks) {
  return mean_gain("mean_reciprocal_rank", ranks,
                   [](int64_t rank) { return 1 / static_cast<double>(rank); });
}

}  // namespace heed
