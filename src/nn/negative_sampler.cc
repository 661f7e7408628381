#include "heed/nn/negative_sampler.h"

#include <unordered_set>

#include "core/text.h"
#include "heed/core/random.h"

namespace heed::nn {
namespace {

constexpr uint64_t kNegativesKey = 0x6e65676174697665;

/// Uniform in [0, 1), 53 bits.
double fine_uniform(Random& random) {
  const uint64_t high = random.bits() >> 5, low = random.bits() >> 6;
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

/// `count` of 0 .. V - 1 without repetition, every set equally likely (Floyd; Bentley 1987).
std::vector<int64_t> draw_set(int64_t V, int64_t count, Random& random) {
  std::unordered_set<int64_t> seen;
  std::vector<int64_t> ids;
  for (int64_t last = V - count; last < V; ++last) {
    int64_t id = random.below(static_cast<uint32_t>(last + 1));
    if (!seen.insert(id).second) seen.insert(id = last);
    ids.push_back(id);
  }
  return ids;
}

std::vector<double> weights_of(int64_t V, const NegativeSamplerOptions& options,
                               const std::vector<int64_t>& counts) {
  std::vector<double> weights(static_cast<size_t>(V));
  for (int64_t j = 0; j < V; ++j)
    weights[j] = options.distribution() == NegativeDistribution::log_uniform
                     ? std::log1p(1 / (static_cast<double>(j) + 1))
                     : std::pow(static_cast<double>(counts[j]) + 1, options.power());
  return weights;
}

void check_counts(const std::vector<int64_t>& counts, int64_t V) {
  if (static_cast<int64_t>(counts.size()) != V)
    throw DataError(text_of("negative sampler: counts: expected one of each of ", V,
                            " classes, given ", counts.size()));
  for (int64_t j = 0; j < V; ++j)
    if (counts[j] < 0)
      throw DataError(
          text_of("negative sampler: counts[", j, "]: expected at least 0, given ", counts[j]));
}

}  // namespace

NegativeSampler::NegativeSampler(int64_t classes, const NegativeSamplerOptions& options,
                                 const std::vector<int64_t>& counts)
    : classes_(classes), options_(options) {
  const int64_t S = options.negatives();
  if (classes < 1 || classes > UINT32_MAX)
    throw ModelError(text_of("negative sampler: expected 1 to 2^32 - 1 classes, given ", classes));
  if (S < 1 || S > classes)
    throw ModelError(
        text_of("negatives: expected 1 to the number of classes, ", classes, ", given ", S));
  if (!(options.power() >= 0) || !std::isfinite(options.power()))
    throw ModelError(text_of("power: expected at least 0, given ", options.power()));
  if (options.distribution() == NegativeDistribution::uniform) return;
  if (options.distribution() == NegativeDistribution::popularity) check_counts(counts, classes);
  const auto weights = weights_of(classes, options, counts);
  double sum = 0;
  for (const double weight : weights) cumulative_.push_back(sum += weight);
  log_expected_ = torch::empty({classes}, at::kDouble);
  for (int64_t j = 0; j < classes; ++j) {
    cumulative_[j] /= sum;
    const double q = weights[j] / sum;
    log_expected_.data_ptr<double>()[j] =
        std::log(-std::expm1(static_cast<double>(S) * std::log1p(-q)));
  }
}

Negatives NegativeSampler::draw(uint64_t seed, uint64_t step) const {
  Random random(seed ^ kNegativesKey, static_cast<uint32_t>(step),
                static_cast<uint32_t>(step >> 32));
  const int64_t S = options_.negatives();
  std::vector<int64_t> ids;
  if (cumulative_.empty()) {
    ids = draw_set(classes_, S, random);
  } else {
    std::unordered_set<int64_t> seen;
    for (int64_t s = 0; s < S; ++s) {
      const auto at =
          std::upper_bound(cumulative_.begin(), cumulative_.end(), fine_uniform(random));
      const auto id = std::min<int64_t>(at - cumulative_.begin(), classes_ - 1);
      if (seen.insert(id).second) ids.push_back(id);
    }
  }
  const auto tensor = torch::tensor(ids, at::kLong);
  return {tensor, log_expected(tensor)};
}

at::Tensor NegativeSampler::log_expected(const at::Tensor& ids) const {
  if (log_expected_.defined()) return log_expected_.index({ids.cpu()});
  const double expected = static_cast<double>(options_.negatives()) / static_cast<double>(classes_);
  return torch::full(ids.sizes(), std::log(expected), at::kDouble);
}

}  // namespace heed::nn
