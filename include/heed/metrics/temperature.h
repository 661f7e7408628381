// Temperature scaling: one number that makes a classifier's probabilities mean what they say.
#pragma once

#include <cstdint>
#include <span>

namespace heed {

/// The temperature T, within 0.01 .. 100, at which the mean of -ln softmax(logits / T) of the right
/// classes is least (Guo et al. 2017). logits: (N, C). It changes no class, only how sure one is. The
/// loss is convex in 1 / T; its slope is halved between the bounds until float64 ends. The same on
/// every machine but for exp's rounding. Throws UsageError: no record, sizes, a class out of range, a
/// logit that is not finite. Cost O(60 N C).
double fitted_temperature(std::span<const double> logits, std::span<const int64_t> expected,
                          int64_t classes);

}  // namespace heed
