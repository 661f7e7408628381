// The maps of linear attention's features on every SIMD target.
#include "kernels/linear_features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "every_target.h"

namespace heed::kernels::test {
namespace {

/// From -1000 to where the exponential is infinite, and what is no number.
template <class T>
std::vector<T> numbers() {
  std::vector<T> x = {0,
                      -0.0f,
                      -std::numeric_limits<T>::infinity(),
                      std::numeric_limits<T>::infinity(),
                      std::numeric_limits<T>::quiet_NaN(),
                      std::numeric_limits<T>::lowest(),
                      std::numeric_limits<T>::max()};
  for (double a = -1000; a < 720; a += 0.173) x.push_back(static_cast<T>(a));
  return x;
}

template <class T>
void expect_map(T given, double expected, double x) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(given));
  } else if (expected > 0.72 * static_cast<double>(std::numeric_limits<T>::max()) && x < 1e30) {
    EXPECT_EQ(given, std::numeric_limits<T>::infinity()) << x;
  } else if (std::isinf(expected)) {
    EXPECT_EQ(given, expected) << x;
  } else if (expected < 1.1 * static_cast<double>(std::numeric_limits<T>::min())) {
    EXPECT_LE(given, 1.2 * std::numeric_limits<T>::min()) << x;
    EXPECT_GE(given, 0) << x;
  } else {
    EXPECT_NEAR(given / expected, 1, 2 * std::numeric_limits<T>::epsilon()) << x;
  }
}

template <class T>
void compare_maps() {
  const auto x = numbers<T>();
  std::vector<T> exps(x.size()), elus(x.size());
  const auto count = static_cast<int64_t>(x.size());
  exp_all(x.data(), count, exps.data());
  elu_all(x.data(), count, elus.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double given = x[i];
    expect_map(exps[i], std::exp(given), given);
    expect_map(elus[i], given > 0 ? given + 1 : std::exp(given), given);
    // Alone, where it is a vector's rest.
    T alone;
    exp_all(&x[i], 1, &alone);
    EXPECT_TRUE(std::isnan(alone) || alone == exps[i]) << given;
  }
}

TEST(LinearFeatureKernels, AreExactAndTheSameWhereverANumberStands) {
  on_every_target([] {
    compare_maps<float>();
    compare_maps<double>();
  });
}

}  // namespace
}  // namespace heed::kernels::test
