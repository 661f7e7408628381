#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "heed/core/random.h"
#include "heed/lens/audit.h"

namespace heed::lens {

Estimate share_of(int64_t count, int64_t all) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (all == 0) return {kNaN, kNaN, kNaN};
  constexpr double z = 1.959963984540054;  // 97.5 % of the normal distribution lie below
  const double n = double(all), p = double(count) / n;
  const double middle = p + z * z / (2 * n);
  const double width = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double low = (middle - width) / (1 + z * z / n), high = (middle + width) / (1 + z * z / n);
  return {p, count == 0 ? 0 : low, count == all ? 1 : high};
}

Estimate bootstrapped(int64_t n, const std::function<double(std::span<const uint32_t>)>& statistic,
                      uint64_t seed, int64_t resamples) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (n == 0) return {kNaN, kNaN, kNaN};
  std::vector<uint32_t> drawn(static_cast<size_t>(n));
  std::iota(drawn.begin(), drawn.end(), 0u);
  Estimate found{statistic(drawn), 0, 0};
  std::vector<double> values;
  for (int64_t i = 0; i < resamples; ++i) {
    Random random(seed, static_cast<uint32_t>(i));
    for (auto& number : drawn) number = random.below(static_cast<uint32_t>(n));
    values.push_back(statistic(drawn));
  }
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const auto place = static_cast<int64_t>(std::lround(share * double(resamples - 1)));
    return values[static_cast<size_t>(place)];
  };
  found.low = at(0.025), found.high = at(0.975);
  return found;
}

Estimate mean_of(std::span<const double> values, uint64_t seed) {
  return bootstrapped(
      std::ssize(values),
      [&](std::span<const uint32_t> drawn) {
        double sum = 0;
        for (const auto number : drawn) sum += values[number];
        return sum / double(drawn.size());
      },
      seed);
}

}  // namespace heed::lens
