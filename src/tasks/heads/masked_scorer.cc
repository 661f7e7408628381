#include "tasks/heads/masked_scorer.h"
#include "tasks/collected.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace heed {
namespace {

class MaskedScorer : public Scorer {
 public:
  MaskedScorer(MaskedModule& module, const TokenTally& counts, std::string labels)
      : module_(module), counts_(counts), labels_(std::move(labels)) {
    const auto sum = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    log_sum_ = std::log(static_cast<double>(sum + std::ssize(counts)));
    most_frequent_ = std::max_element(counts.begin(), counts.end()) - counts.begin();
  }

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto& labels = batch.at(labels_);
    const auto found = module_.loss(tokens.states, labels);
    nll_ += found.nll, count_ += found.count, right_ += found.right;
    const auto all = labels.contiguous();
    const auto* label = all.data_ptr<int64_t>();
    for (int64_t i = 0; i < all.numel(); ++i) {
      if (label[i] < 0) continue;
      unigram_nll_ +=
          log_sum_ - std::log(static_cast<double>(counts_[static_cast<size_t>(label[i])] + 1));
      unigram_right_ += label[i] == most_frequent_;
    }
  }

  bool collected(Collected& state) override {
    state(nll_), state(count_), state(right_), state(unigram_nll_), state(unigram_right_);
    return true;
  }

  Metrics metrics() override {
    return {{"loss", nll_ / count()},
            {"perplexity", std::exp(nll_ / count())},
            {"accuracy", static_cast<double>(right_) / count()}};
  }
  Metrics baseline() const override {
    return {{"baseline_loss", unigram_nll_ / count()},
            {"baseline_perplexity", std::exp(unigram_nll_ / count())},
            {"baseline_accuracy", static_cast<double>(unigram_right_) / count()}};
  }

 private:
  double count() const { return static_cast<double>(std::max<int64_t>(1, count_)); }

  MaskedModule& module_;
  const TokenTally& counts_;
  std::string labels_;
  double log_sum_, nll_ = 0, unigram_nll_ = 0;
  int64_t most_frequent_, count_ = 0, right_ = 0, unigram_right_ = 0;
};

}  // namespace

std::unique_ptr<Scorer> make_masked_scorer(MaskedModule& module, const TokenTally& counts,
                                           std::string labels) {
  return std::make_unique<MaskedScorer>(module, counts, std::move(labels));
}

}  // namespace heed
