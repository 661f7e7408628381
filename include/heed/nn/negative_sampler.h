// Negatives for a loss over many classes, drawn so that a step can be drawn again.
#pragma once

#include <torch/arg.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "heed/core/fields.h"

namespace heed::nn {

enum class NegativeDistribution { uniform, log_uniform, popularity };
constexpr std::array<const char*, 3> words(NegativeDistribution) {
  return {"uniform", "log_uniform", "popularity"};
}

struct NegativeSamplerOptions {
  TORCH_ARG(int64_t, negatives) = 256;  ///< S
  TORCH_ARG(NegativeDistribution, distribution) = NegativeDistribution::uniform;
  TORCH_ARG(double, power) = 0.75;  ///< of popularity

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("negatives", negatives(), "negatives that a batch shares; at most the classes",
      between(1, kMostCount));
    v("distribution", distribution(),
      "of negatives; log_uniform: classes are sorted by falling popularity");
    if (distribution() == NegativeDistribution::popularity)
      v("power", power(), "popularity is (count + 1) ^ power; 0: uniform", between(0, 16));
  }
};

/// Different classes, and how often each is expected among them.
struct Negatives {
  at::Tensor ids;           ///< (n) int64, in the order in which they were drawn
  at::Tensor log_expected;  ///< (n) float64: log E_j, the probability that class j is drawn
};

/// Draws negatives j of V classes:
///
///   uniform      S of them without repetition; E_j = S / V
///   log_uniform  q_j = log((j + 2) / (j + 1)) / log(V + 1)     (Zipf's law)
///   popularity   q_j = (count_j + 1)^power / sum of these      (power 0.75: Mikolov et al. 2013)
///
/// The latter two draw S times with repetition and keep each class once, so there may be fewer than
/// S; E_j = 1 - (1 - q_j)^S. Draws come from heed::Random named by (seed, step), so a step that is
/// taken again draws the same, whatever was drawn before.
///
/// Throws ModelError for options out of range (S above V, too), DataError for counts that are
/// negative or not V. Cost of a draw: S log V.
class NegativeSampler {
 public:
  NegativeSampler(int64_t classes, const NegativeSamplerOptions& options = {},
                  const std::vector<int64_t>& counts = {});

  Negatives draw(uint64_t seed, uint64_t step) const;
  /// log E_j of any classes, ids int64 of any shape -> float64.
  at::Tensor log_expected(const at::Tensor& ids) const;

  int64_t classes() const { return classes_; }
  const NegativeSamplerOptions& options() const { return options_; }

 private:
  int64_t classes_;
  NegativeSamplerOptions options_;
  at::Tensor log_expected_;         // (V); undefined for uniform
  std::vector<double> cumulative_;  // (V): q_0 + .. + q_j; empty for uniform
};

}  // namespace heed::nn
