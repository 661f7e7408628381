#include "tasks/heads/similarity_scorer.h"

#include <algorithm>
#include <cstdio>

#include "heed/metrics/correlation.h"
#include "tasks/heads/token_bags.h"

namespace heed {
namespace {

class SimilarityScorer : public Scorer {
 public:
  SimilarityScorer(PairOutputOf output, std::string scores)
      : output_(std::move(output)), scores_(std::move(scores)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = output_(tokens, batch);
    const auto cosines = (found.queries.to(at::kDouble) * found.targets.to(at::kDouble)).sum(1);
    const auto first = token_lists(found.query_batch), second = token_lists(found.texts);
    for (int64_t i = 0; i < cosines.size(0); ++i)
      pairs_.push_back({batch.records[i].item<int64_t>(), cosines[i].item<double>(),
                        cosine(token_bag(first[size_t(i)]), token_bag(second[size_t(i)])),
                        batch.at(scores_)[i].item<double>()});
  }

  Metrics metrics() override {
    std::sort(pairs_.begin(), pairs_.end(),
              [](const Pair& a, const Pair& b) { return a.record < b.record; });
    return correlations(&Pair::cosine, "");
  }
  Metrics baseline() const override { return correlations(&Pair::words, "baseline_"); }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& pair : pairs_) {
      char text[32];
      std::snprintf(text, sizeof text, "%.6g", pair.cosine);
      lines.push_back(text);
    }
    return lines;
  }
  std::vector<Plot> plots() const override {
    return {{.title = "cosine beside score",
             .x = "score",
             .y = "cosine",
             .curves = {{"", all(&Pair::score), all(&Pair::cosine)}},
             .points = true}};
  }

 private:
  struct Pair {
    int64_t record;
    double cosine, words, score;
  };
  std::vector<double> all(double Pair::*number) const {
    std::vector<double> numbers;
    for (const auto& pair : pairs_) numbers.push_back(pair.*number);
    return numbers;
  }
  Metrics correlations(double Pair::*number, const std::string& prefix) const {
    const auto given = all(number), scores = all(&Pair::score);
    return {{prefix + "spearman", spearman(given, scores)},
            {prefix + "pearson", pearson(given, scores)}};
  }

  PairOutputOf output_;
  std::string scores_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::unique_ptr<Scorer> make_similarity_scorer(PairOutputOf output, std::string scores) {
  return std::make_unique<SimilarityScorer>(std::move(output), std::move(scores));
}

}  // namespace heed
