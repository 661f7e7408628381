#include "tasks/heads/pair_scorer.h"

#include <algorithm>

#include "tasks/heads/token_bags.h"

namespace heed {
namespace {

constexpr int64_t kRankedTogether = 256;

/// The rank of the score at `own` among those of other texts; equal ones share their ranks.
double pair_rank(const float* scores, const std::vector<int64_t>& numbers, size_t own) {
  double rank = 1;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == numbers[own]) continue;
    if (scores[i] > scores[own]) rank += 1;
    if (scores[i] == scores[own]) rank += 0.5;
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

class PairScorer : public Scorer {
 public:
  explicit PairScorer(PairOutputOf output) : output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = output_(tokens, batch);
    queries_.push_back(found.queries), targets_.push_back(found.targets);
    const auto numbers = numbers_.of(found.texts).contiguous();
    const auto* first = numbers.data_ptr<int64_t>();
    text_numbers_.insert(text_numbers_.end(), first, first + numbers.numel());
    for (const auto& row : token_lists(batch)) query_bags_.push_back(token_bag(row));
    for (const auto& row : token_lists(found.texts)) target_bags_.push_back(token_bag(row));
  }

  Metrics metrics() override {
    const auto queries = at::cat(queries_), targets = at::cat(targets_);
    std::vector<double> ranks;
    for (int64_t first = 0; first < queries.size(0); first += kRankedTogether) {
      const auto end = std::min(first + kRankedTogether, queries.size(0));
      const auto scores = queries.slice(0, first, end).matmul(targets.t()).contiguous();
      for (int64_t i = first; i < end; ++i)
        ranks.push_back(pair_rank(scores.data_ptr<float>() + (i - first) * scores.size(1),
                                  text_numbers_, static_cast<size_t>(i)));
    }
    return pair_metrics(ranks, "");
  }

  Metrics baseline() const override {
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
      ranks.push_back(pair_rank(scores.data(), text_numbers_, i));
    }
    return pair_metrics(ranks, "baseline_");
  }

 private:
  PairOutputOf output_;
  TextNumbers numbers_;
  std::vector<at::Tensor> queries_, targets_;
  std::vector<int64_t> text_numbers_;
  std::vector<TokenBag> query_bags_, target_bags_;
};

}  // namespace

at::Tensor TextNumbers::of(const Batch& texts) {
  std::vector<int64_t> numbers;
  for (auto& row : token_lists(texts))
    numbers.push_back(numbers_.emplace(std::move(row), std::ssize(numbers_)).first->second);
  return at::tensor(numbers, at::kLong);
}

std::unique_ptr<Scorer> make_pair_scorer(PairOutputOf output) {
  return std::make_unique<PairScorer>(std::move(output));
}

}  // namespace heed
