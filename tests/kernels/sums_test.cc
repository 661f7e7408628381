// Sums of many terms, and of terms far from 0, against the same in more digits.
#include <functional>
#include <limits>

#include "kernels/adaptive_span.h"
#include "kernels/bias.h"
#include "kernels/blocks.h"
#include "kernels/distance.h"
#include "kernels/layer_norm.h"
#include "kernels/log_sum_exp.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double log_sum_exp_of(std::vector<float> x) {
  double result = 0;
  std::vector<float> largest(x.size() / kNeighbours + 1);
  log_sum_exp(x.data(), 1, static_cast<int64_t>(x.size()), &result, largest.data());
  return result;
}

TEST(LogSumExp, KeepsItsDigitsOverManyNumbers) {
  for (const size_t n : {100, 1000, 50'000, 400'000}) {
    for (const float low : {-0.3F, -2.7F}) {
      std::vector<float> x(n, low);
      x[n / 2] = 0;
      const double exact = std::log(1 + static_cast<double>(n - 1) * std::exp(double{low}));
      EXPECT_NEAR(log_sum_exp_of(x), exact, 4e-7) << n << " " << low;
    }
  }
}

TEST(LogSumExp, MovesWithAllNumbers) {
  const float lowest = std::numeric_limits<float>::lowest();
  for (const float shift : {-1e4F, -1e9F, -1e30F, lowest, 1e9F, 1e30F, -lowest}) {
    const std::vector<float> x(70, shift);
    EXPECT_DOUBLE_EQ(log_sum_exp_of(x), double{shift} + std::log(70.0)) << shift;
  }
  const double exact = -16777216 + std::log(2 + std::exp(-2.0));
  EXPECT_NEAR(log_sum_exp_of({-16777216, -16777218, -16777216}), exact, 1e-6);
  const auto infinite = static_cast<float>(kInfinite);
  EXPECT_NEAR(log_sum_exp_of({0, -infinite, 0}), std::log(2.0), 1e-7);
  EXPECT_EQ(log_sum_exp_of({lowest, -lowest}), -double{lowest});
  EXPECT_EQ(log_sum_exp_of({-infinite, -infinite}), -kInfinite);
  EXPECT_TRUE(std::isnan(log_sum_exp_of({0, infinite})));
  EXPECT_TRUE(std::isnan(log_sum_exp_of({std::nanf(""), 0})));
}

/// (x - mean) / sqrt(variance + epsilon), in long double and beside the first number.
template <class T>
std::vector<double> normalised(const std::vector<T>& given, double epsilon) {
  long double mean = 0, variance = 0;
  const auto n = static_cast<long double>(given.size());
  std::vector<long double> x;
  for (const T v : given) x.push_back(static_cast<long double>(v) - given[0]);
  for (const auto v : x) mean += v / n;
  for (const auto v : x) variance += (v - mean) * (v - mean) / n;
  std::vector<double> y;
  for (const auto v : x)
    y.push_back(static_cast<double>((v - mean) / std::sqrt(variance + static_cast<T>(epsilon))));
  return y;
}

template <class T>
double layer_norm_error(const std::vector<T>& x, double epsilon = 1e-5) {
  std::vector<T> y(x.size(), T{12345});
  layer_norm(LayerNorm<T>{1, static_cast<int64_t>(x.size()), x.data(), nullptr, nullptr,
                          static_cast<T>(epsilon), y.data()});
  const auto exact = normalised(x, epsilon);
  double error = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(y[i]) - exact[i]));
    if (std::isnan(y[i])) return kInfinite;
    size = std::max(size, std::abs(exact[i]));
  }
  return error / std::max(size, 1e-3);  // below that a row is constant
}

TYPED_TEST_SUITE(Kernels, Floats);

TYPED_TEST(Kernels, LayerNormKeepsItsDigitsFarFromZero) {
  using T = TypeParam;
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (const size_t n : {1, 2, 7, 16, 31, 128, 768, 1000, 4096, 50'000}) {
    for (const double mean : {0.0, 1.0, 1e3, -1e4, 1e8}) {
      for (const double deviation : {1.0, 1e-3, 100.0}) {
        std::vector<T> x(n);
        for (T& v : x) v = static_cast<T>(mean + deviation * normal(random));
        EXPECT_LE(layer_norm_error(x), 4 * std::numeric_limits<T>::epsilon())
            << n << " " << mean << " " << deviation;
      }
    }
  }
}

TYPED_TEST(Kernels, LayerNormOfNumbersOfAnySize) {
  using T = TypeParam;
  const double most = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::min();
  std::mt19937 random(2);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const size_t n : {2, 7, 31, 128, 1000}) {
    for (const double size : {1e-30, least, 1e10, std::sqrt(most), 1e20, 1e30, most}) {
      std::vector<T> x(n);
      for (T& v : x) v = static_cast<T>(size * uniform(random));
      EXPECT_LE(layer_norm_error(x), 4 * std::numeric_limits<T>::epsilon()) << n << " " << size;
    }
    for (const double constant : {0.1, 1000.1, 1e8, 1e30, most}) {
      const std::vector<T> x(n, static_cast<T>(constant));
      std::vector<T> y(n);
      layer_norm(
          LayerNorm<T>{1, static_cast<int64_t>(n), x.data(), nullptr, nullptr, T(1e-5), y.data()});
      for (const T v : y) ASSERT_EQ(v, 0) << n << " " << constant;
    }
  }
}

TYPED_TEST(Kernels, LayerNormOfAnInfiniteNumberIsNaN) {
  using T = TypeParam;
  for (const T broken : {static_cast<T>(kInfinite), static_cast<T>(std::nan(""))}) {
    std::vector<T> x(40, T{1}), y(40);
    x[33] = broken;
    layer_norm(LayerNorm<T>{1, 40, x.data(), nullptr, nullptr, T(1e-5), y.data()});
    for (const T v : y) EXPECT_TRUE(std::isnan(v));
  }
}

/// A tile of equal gradients goes back so many times.
template <class T>
void send_back(Modifier<T>& modifier, int64_t times, int64_t batch_step = 0) {
  std::vector<T> memory(kKeys * kStride, T(1.1));
  Tile<T> tile{memory.data(), kStride, 0, 0, 0, 5, 0, 7};
  modifier.begin_backward(1);
  for (int64_t i = 0; i < times; ++i, tile.batch += batch_step) modifier.backward(tile, tile);
  modifier.end_backward();
}

TEST(Sums, EveryBroadcastOfABiasKeepsItsDigits) {
  constexpr int64_t kTimes = 5000;
  const Sizes n{kTimes, 1, 1, 5, 7, 1, 1};
  for (const bool over_queries : {false, true}) {
    for (const bool over_keys : {false, true}) {
      Array<float> bias(1, 1, over_queries ? 1 : n.Lq, over_keys ? 1 : n.Lk);
      auto to = bias.view();
      to.batch = 0;
      if (over_queries) to.row = 0;
      if (over_keys) to.column = 0;
      Bias<float> modifier({}, to, n);
      send_back<float>(modifier, kTimes, 1);
      const double terms = (over_queries ? 5 : 1) * (over_keys ? 7 : 1) * double{kTimes};
      for (const float sum : bias.memory())
        EXPECT_NEAR(double{sum} / (terms * double{1.1F}), 1, 6e-7)
            << over_queries << " " << over_keys;
    }
  }
}

TEST(Sums, GradientsOfDistancesAndSpansKeepTheirDigits) {
  constexpr int64_t kTimes = 5000;
  const Sizes n{1, 1, 1, 5, 7, 1, 1};
  Array<float> by_distance(1, 1, 1, 11), spans(1, 1, 1, 1), grad_spans(1, 1, 1, 1);
  DistanceBias<float> bias({}, by_distance.view(), n);
  send_back<float>(bias, kTimes);
  for (int64_t x = 0; x < 11; ++x) {
    const double pairs = std::min<double>({double(x + 1), double(11 - x), 5});
    const double exact = pairs * kTimes * double{1.1F};
    EXPECT_NEAR(double{by_distance(0, 0, 0, x)} / exact, 1, 2e-7) << x;
  }
  const Array<float>& constant = spans;
  const Ramp ramp{9, 0};
  SpanRamp<float> fades(ramp, constant.view(), grad_spans.view(), n);
  send_back<float>(fades, kTimes);
  double exact = 0;
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < 7; ++j)
      if (const double m = ramp.at(0, i, j); m <= 1) exact += kTimes * double{1.1F} / (m * 9);
  EXPECT_NEAR(double{grad_spans(0, 0, 0, 0)} / exact, 1, 2e-7);
}

}  // namespace
}  // namespace heed::kernels::test
