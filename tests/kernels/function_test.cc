// Functions of single numbers against the C library's in float64.
#include "kernels/function.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "every_target.h"
#include "heed/core/threads.h"

namespace heed::kernels::test {
namespace {

constexpr Function kAll[] = {Function::none,      Function::relu, Function::gelu,
                             Function::gelu_tanh, Function::silu, Function::quick_gelu,
                             Function::sigmoid,   Function::tanh};

double exact(Function function, double x) {
  const double cubic = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
  switch (function) {
    case Function::none:
      return x;
    case Function::relu:
      return std::max(x, 0.0);
    case Function::gelu:
      return x * 0.5 * std::erfc(-x * std::sqrt(0.5));
    case Function::gelu_tanh:
      return x / (1 + std::exp(-2 * cubic));
    case Function::silu:
      return x / (1 + std::exp(-x));
    case Function::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Function::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Function::tanh:
      return std::tanh(x);
  }
  return x;
}

/// Numbers of every size, dense where the functions bend.
template <class T>
std::vector<T> points() {
  std::vector<T> all{0, std::numeric_limits<T>::max(), std::numeric_limits<T>::lowest(),
                     std::numeric_limits<T>::min()};
  for (double x = 0; x < 30; x += 0.003) all.push_back(T(x)), all.push_back(T(-x));
  for (double x = 1e-37; x < 1e37; x *= 1.7) all.push_back(T(x)), all.push_back(T(-x));
  return all;
}

template <class T>
std::vector<T> applied(Function function, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  apply(function, x.data(), static_cast<int64_t>(x.size()), y.data());
  return y;
}

template <class T>
void expect_near(Function function, double error) {
  const auto x = points<T>();
  const auto y = applied(function, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double right = exact(function, static_cast<double>(x[i]));
    const double size = std::abs(static_cast<double>(x[i]));
    double bound = error * size;
    if (function == Function::tanh) bound = error * std::abs(right);
    if (function == Function::sigmoid) bound = error * (1.1 + size / 5) * right;
    ASSERT_LE(std::abs(static_cast<double>(y[i]) - right), bound + 1.2e-38)
        << int(function) << " of " << x[i] << ": " << y[i] << ", not " << right;
  }
}

TEST(Function, IsTheCLibrarysOnEveryTarget) {
  on_every_target([] {
    for (const auto function : kAll) expect_near<float>(function, 4e-7);
    for (const auto function : kAll) expect_near<double>(function, 1e-14);
  });
}

TEST(Function, ANumberHasItsBitsInAnyPlace) {
  const auto all = points<float>();
  on_every_target([&] {
    for (const auto function : kAll) {
      const auto y = applied(function, all);
      for (size_t first = 0; first + 37 < all.size(); first += 97)
        for (const size_t count : {1, 3, 15, 16, 17, 37}) {
          const std::vector<float> part(all.begin() + int64_t(first),
                                        all.begin() + int64_t(first + count));
          const auto found = applied(function, part);
          for (size_t i = 0; i < count; ++i) ASSERT_EQ(found[i], y[first + i]) << int(function);
        }
    }
  });
}

TEST(Function, KnowsNaNAndInfinity) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  on_every_target([&] {
    for (const auto function : kAll) {
      std::vector<float> x(19, 1);
      x[3] = x[18] = std::numeric_limits<float>::quiet_NaN(), x[5] = inf, x[6] = -inf;
      apply(function, x.data(), 19, x.data());  // in place
      EXPECT_TRUE(std::isnan(x[3]) && std::isnan(x[18])) << int(function);
      EXPECT_EQ(x[0], x[17]);
      const bool bounded = function == Function::sigmoid || function == Function::tanh;
      EXPECT_EQ(x[5], bounded ? 1 : inf) << int(function);
      if (function == Function::relu) {
        EXPECT_EQ(x[6], 0);
      } else if (bounded) {
        EXPECT_EQ(x[6], function == Function::tanh ? -1 : 0) << int(function);
      } else {
        EXPECT_EQ(std::isnan(x[6]), function != Function::none) << int(function);
      }
    }
  });
}

}  // namespace
}  // namespace heed::kernels::test
