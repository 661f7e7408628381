// What a model's answers are worth when what it reads is worse, or chosen against it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/metrics/metrics.h"
#include "heed/metrics/plot.h"

namespace heed {

/// Metrics under one noise.
struct NoiseRow {
  std::string kind;  ///< "none", "blur", "fgsm"
  std::string unit;
  double strength = 0;
  int64_t examples = 0;
  Metrics metrics;
  bool from_zero = true;  ///< strength 0 would be no noise
};

struct Robustness {
  std::string metric;          ///< of them which chooses the best model
  std::vector<NoiseRow> rows;  ///< without noise first; of an adversary's examples again

  std::string report() const;       ///< a table
  std::string json() const;         ///< an array of objects
  std::vector<Plot> plots() const;  ///< the metric over the strength, a panel a kind
};

}  // namespace heed
