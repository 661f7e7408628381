#include "tasks/heads/ranking_scorer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "heed/metrics/ranking.h"
#include "tasks/collected.h"

namespace heed {
namespace {

constexpr int64_t kCuts[] = {1, 5, 10, 20, 50, 100};

class RankingScorer : public Scorer {
 public:
  RankingScorer(const Classes& items, ScoresOf scores, const RankingScorerOptions& options)
      : items_(items), scores_(std::move(scores)), options_(options) {
    by_count_ = items.counts();
    std::sort(by_count_.begin(), by_count_.end());
  }

  void add(const Tokens& tokens, const Batch& batch) override {
    auto scores = scores_(tokens, batch).contiguous();  // (B, V)
    const auto& targets = batch.at("target");
    const auto known = (targets >= 0).nonzero().squeeze(1);
    const auto own = scores.index_select(0, known);
    const auto labels = targets.index_select(0, known);
    loss_ += at::cross_entropy_loss(own, labels, {}, at::Reduction::Sum).item<double>();
    known_ += known.numel();
    const auto& seen = batch.at("seen");
    if (options_.leave_seen_out) leave_seen_out(scores, seen);
    const int64_t V = items_.size();
    for (int64_t row = 0; row < scores.size(0); ++row) {
      const int64_t target = targets.data_ptr<int64_t>()[row];
      const std::span<const int64_t> history(seen.data_ptr<int64_t>() + row * seen.size(1),
                                             static_cast<size_t>(seen.size(1)));
      const std::span<const float> own_scores(scores.data_ptr<float>() + row * V,
                                              static_cast<size_t>(V));
      Row result{batch.records.data_ptr<int64_t>()[row], V, V, {}};
      if (target >= 0) {
        result.rank = rank_of(own_scores, target);
        result.popular_rank = popular_rank(target, history);
      }
      rows_.push_back(std::move(result));
    }
    if (!options_.quick) remember_best(scores);
  }

  bool collected(Collected& state) override {
    state(loss_), state(known_), state(rows_);
    return true;
  }

  Metrics metrics() override {
    sort_rows();
    auto all = of_ranks(&Row::rank, "");
    const int64_t unseen = std::ssize(rows_) - known_;
    if (unseen > 0) all.emplace_back("unseen", static_cast<double>(unseen));
    all.emplace_back("loss", loss_ / static_cast<double>(std::max<int64_t>(1, known_)));
    return all;
  }
  Metrics baseline() const override { return of_ranks(&Row::popular_rank, "baseline_"); }

  std::string details() const override {
    auto cuts = nlohmann::ordered_json::array();
    const auto ranks = ranks_by(&Row::rank);
    for (const int64_t k : kCuts)
      cuts.push_back({{"k", k}, {"hr", hit_rate(ranks, k)}, {"ndcg", ndcg(ranks, k)}});
    return nlohmann::ordered_json{{"items", items_.size()}, {"at", cuts}}.dump();
  }

  std::string report() const override {
    std::string text = "\n   k       HR     NDCG  popular HR\n";
    const auto ranks = ranks_by(&Row::rank), popular = ranks_by(&Row::popular_rank);
    for (const int64_t k : kCuts) {
      char line[80];
      std::snprintf(line, sizeof line, "%4lld %8.4f %8.4f    %8.4f\n", static_cast<long long>(k),
                    hit_rate(ranks, k), ndcg(ranks, k), hit_rate(popular, k));
      text += line;
    }
    return text;
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& row : rows_) {
      std::string line;
      for (const auto& [item, score] : row.best)
        line += (line.empty() ? "" : "\t") + items_.name(item);
      lines.push_back(as_line(line));
    }
    return lines;
  }

 private:
  struct Row {
    int64_t record, rank, popular_rank;
    std::vector<RankedItem> best;

    template <class V>
    void members(V& v) {
      v(record), v(rank), v(popular_rank), v(best);
    }
  };

  /// The rank by how often training had the items.
  int64_t popular_rank(int64_t target, std::span<const int64_t> seen) const {
    const auto& counts = items_.counts();
    const auto count = [&](int64_t item) { return counts[static_cast<size_t>(item)]; };
    int64_t rank =
        by_count_.end() - std::lower_bound(by_count_.begin(), by_count_.end(), count(target));
    if (!options_.leave_seen_out) return rank;
    std::vector<int64_t> others(seen.begin(), seen.end());
    std::sort(others.begin(), others.end());
    others.erase(std::unique(others.begin(), others.end()), others.end());
    for (const int64_t item : others) {
      if (item == target) return items_.size();
      if (item >= 0 && count(item) >= count(target)) --rank;
    }
    return rank;
  }

  void remember_best(const at::Tensor& scores) {
    auto best = best_items(scores, options_.k);
    const size_t first = rows_.size() - best.size();
    for (size_t i = 0; i < best.size(); ++i) rows_[first + i].best = std::move(best[i]);
  }

  void sort_rows() {
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.record < b.record; });
  }

  std::vector<int64_t> ranks_by(int64_t Row::*rank) const {
    std::vector<int64_t> ranks;
    for (const auto& row : rows_) ranks.push_back(row.*rank);
    return ranks;
  }

  Metrics of_ranks(int64_t Row::*rank, const std::string& prefix) const {
    const auto ranks = ranks_by(rank);
    const auto k = "@" + std::to_string(options_.k);
    return {{prefix + "hr" + k, hit_rate(ranks, options_.k)},
            {prefix + "ndcg" + k, ndcg(ranks, options_.k)},
            {prefix + "mrr", mean_reciprocal_rank(ranks)}};
  }

  const Classes& items_;
  ScoresOf scores_;
  RankingScorerOptions options_;
  std::vector<int64_t> by_count_;  // counts, rising
  double loss_ = 0;
  int64_t known_ = 0;
  std::vector<Row> rows_;
};

}  // namespace

void leave_seen_out(at::Tensor& scores, const at::Tensor& seen) {
  const int64_t V = scores.size(1), S = seen.size(1);
  for (int64_t row = 0; row < scores.size(0); ++row) {
    float* own = scores.data_ptr<float>() + row * V;
    const int64_t* items = seen.data_ptr<int64_t>() + row * S;
    for (int64_t i = 0; i < S; ++i)
      if (items[i] >= 0) own[items[i]] = -INFINITY;
  }
}

std::vector<std::vector<RankedItem>> best_items(const at::Tensor& scores, int64_t count) {
  const auto [values, numbers] = scores.topk(std::min(count, scores.size(1)), 1);
  const auto best = values.contiguous(), items = numbers.contiguous();
  std::vector<std::vector<RankedItem>> all(static_cast<size_t>(scores.size(0)));
  for (int64_t i = 0; i < best.numel(); ++i) {
    const float score = best.data_ptr<float>()[i];
    if (score == -INFINITY) continue;
    all[static_cast<size_t>(i / best.size(1))].push_back({items.data_ptr<int64_t>()[i], score});
  }
  return all;
}

std::unique_ptr<Scorer> make_ranking_scorer(const Classes& items, ScoresOf scores,
                                            const RankingScorerOptions& options) {
  return std::make_unique<RankingScorer>(items, std::move(scores), options);
}

}  // namespace heed
