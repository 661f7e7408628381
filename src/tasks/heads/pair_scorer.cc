#include "tasks/heads/pair_scorer.h"

#include <algorithm>

#include "tasks/heads/token_bags.h"

namespace heed {
namespace {

constexpr int64_t kRankedTogether = 256;

/// The rank of the score at `own` among those of others; equal ones, and what is no number, share their ranks.
double pair_rank(const float* scores, size_t count, size_t own) {
  double rank = 1;
  for (size_t i = 0; i < count; ++i) {
    if (i == own) continue;
    if (scores[i] > scores[own])
      rank += 1;
    else if (!(scores[i] < scores[own]))
      rank += 0.5;
  }
  return rank;
}

Metrics pair_metrics(const std::vector<double>& ranks, const std::string& prefix) {
  double first = 0, ten = 0, reciprocal = 0;
  for (const double rank : ranks) first += rank < 1.5, ten += rank < 10.5, reciprocal += 1 / rank;
  const auto count = static_cast<double>(ranks.size());
  return {{prefix + "recall@1", first / count},
          {prefix + "recall@10", ten / count},
          {prefix + "mrr", reciprocal / count}};
}

/// What an order by chance of so many comes to in the mean.
Metrics chance_metrics(size_t count, const std::string& prefix) {
  double reciprocal = 0;
  for (size_t rank = 1; rank <= count; ++rank) reciprocal += 1 / static_cast<double>(rank);
  const auto all = static_cast<double>(std::max<size_t>(1, count));
  return {{prefix + "recall@1", 1 / all},
          {prefix + "recall@10", std::min(10 / all, 1.0)},
          {prefix + "mrr", reciprocal / all}};
}

class PairScorer : public Scorer {
 public:
  explicit PairScorer(PairOutputOf output) : output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = output_(tokens, batch);
    queries_.push_back(found.queries);
    const auto numbers = numbers_.of(found.texts);
    const bool are_texts = found.query_batch.has("tokens") && found.texts.has("tokens");
    const auto bags = are_texts ? token_lists(found.texts) : std::vector<std::vector<int64_t>>();
    for (int64_t i = 0; i < numbers.size(0); ++i) {
      const auto number = static_cast<size_t>(numbers[i].item<int64_t>());
      own_.push_back(number);
      if (number < targets_.size()) continue;  // the text was there before
      targets_.push_back(found.targets[i]);
      if (are_texts) target_bags_.push_back(token_bag(bags[static_cast<size_t>(i)]));
    }
    if (!are_texts) return;
    for (const auto& row : token_lists(found.query_batch)) query_bags_.push_back(token_bag(row));
  }

  Metrics metrics() override {
    const auto queries = at::cat(queries_), targets = at::stack(targets_);
    std::vector<double> ranks;
    for (int64_t first = 0; first < queries.size(0); first += kRankedTogether) {
      const auto end = std::min(first + kRankedTogether, queries.size(0));
      const auto scores = queries.slice(0, first, end).matmul(targets.t()).contiguous();
      for (int64_t i = first; i < end; ++i)
        ranks.push_back(pair_rank(scores.data_ptr<float>() + (i - first) * scores.size(1),
                                  targets_.size(), own_[static_cast<size_t>(i)]));
    }
    return pair_metrics(ranks, "");
  }

  Metrics baseline() const override {
    if (query_bags_.empty()) return chance_metrics(targets_.size(), "baseline_");
    std::map<int64_t, std::vector<std::pair<size_t, double>>> with;  // token: targets and weights
    for (size_t i = 0; i < target_bags_.size(); ++i)
      for (const auto& [token, weight] : target_bags_[i]) with[token].emplace_back(i, weight);
    std::vector<double> ranks;
    for (size_t i = 0; i < query_bags_.size(); ++i) {
      std::vector<float> scores(target_bags_.size());
      for (const auto& [token, weight] : query_bags_[i]) {
        const auto found = with.find(token);
        if (found == with.end()) continue;
        for (const auto& [target, other] : found->second)
          scores[target] += static_cast<float>(weight * other);
      }
      ranks.push_back(pair_rank(scores.data(), scores.size(), own_[i]));
    }
    return pair_metrics(ranks, "baseline_");
  }

 private:
  PairOutputOf output_;
  TextNumbers numbers_;
  std::vector<at::Tensor> queries_, targets_;  // of the targets each once
  std::vector<size_t> own_;                    // the target of each query
  std::vector<TokenBag> query_bags_, target_bags_;
};

}  // namespace

at::Tensor TextNumbers::of(const Batch& texts) {
  std::vector<int64_t> numbers;
  if (!texts.has("tokens")) {
    for (int64_t i = 0; i < texts.size(); ++i) numbers.push_back(count_++);
    return at::tensor(numbers, at::kLong);
  }
  for (auto& row : token_lists(texts)) {
    const auto [known, is_new] = numbers_.emplace(std::move(row), count_);
    count_ += is_new;
    numbers.push_back(known->second);
  }
  return at::tensor(numbers, at::kLong);
}

std::unique_ptr<Scorer> make_pair_scorer(PairOutputOf output) {
  return std::make_unique<PairScorer>(std::move(output));
}

}  // namespace heed
