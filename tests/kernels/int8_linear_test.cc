#include "kernels/int8_linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "heed/core/threads.h"
#include "kernels/every_target.h"

namespace heed::kernels {
namespace {

struct Int8Case {
  int64_t m, n, depth;
  std::vector<float> x, w, bias;
  std::vector<int8_t> packed = {};

  Int8Case(int64_t rows, int64_t columns, int64_t terms)
      : m(rows), n(columns), depth(terms), x(size(m, depth)), w(size(n, depth)), bias(size(n, 1)) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (auto* all : {&x, &w, &bias})
      for (auto& one : *all) one = normal(random);
    pack();
  }

  static size_t size(int64_t a, int64_t b) { return static_cast<size_t>(a * b); }

  void pack() {
    std::vector<int8_t> q(w.size());
    std::vector<float> scales(size(n, 1));
    quantize_int8(w.data(), n, depth, depth, q.data(), scales.data());
    packed.assign(static_cast<size_t>(packed_int8_size(n, depth)), 99);
    pack_int8(q.data(), scales.data(), n, depth, packed.data());
  }

  Int8Linear problem(float* y, Function function = Function::none) const {
    return {m, n, depth, x.data(), packed.data(), bias.data(), y, function};
  }

  std::vector<float> reference() const {
    std::vector<float> y(size(m, n));
    int8_linear_reference(problem(y.data()));
    return y;
  }

  /// The reference's bits, on every target, with and without VNNI.
  void expect_reference() const {
    const auto expected = reference();
    for (const bool vnni : {true, false}) {
      use_vnni(vnni);
      test::on_every_target([&] {
        std::vector<float> y(size(m, n), -7);
        int8_linear(problem(y.data()));
        EXPECT_EQ(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)), 0)
            << m << " " << n << " " << depth << (vnni ? " with VNNI" : " without VNNI");
      });
    }
    use_vnni(true);
  }
};

TEST(Int8Linear, HasTheReferencesBitsOnEveryProcessor) {
  for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 13, 49})
    for (const int64_t n : {1, 63, 64, 65, 130})
      for (const int64_t depth : {0, 1, 3, 4, 7, 64, 129}) Int8Case(m, n, depth).expect_reference();
}

// All products of one sign and as large as they come: pairs that were added in 16 bits with x + 128
// would saturate at the first, sums in 32 bits at the last.
TEST(Int8Linear, SaturatesNowhere) {
  for (const int64_t depth : {int64_t{2}, int64_t{64}, kMostInt8Depth}) {
    Int8Case extreme(5, 70, depth);
    for (const float sign : {1.0f, -1.0f}) {
      std::fill(extreme.x.begin(), extreme.x.end(), sign);
      for (size_t k = 0; k < extreme.w.size(); ++k)
        extreme.w[k] = static_cast<int64_t>(k) / depth % 2 == 0 ? 1 : -1;
      extreme.pack();
      extreme.expect_reference();
      std::fill(extreme.bias.begin(), extreme.bias.end(), 0);
      const auto y = extreme.reference();
      const auto exact = sign * static_cast<float>(depth);
      EXPECT_NEAR(y[0], exact, 1e-6f * std::abs(exact));
      EXPECT_NEAR(y[1], -exact, 1e-6f * std::abs(exact));
    }
  }
}

TEST(Int8Linear, IsTheProductToOnePercent) {
  const Int8Case random(20, 100, 300);
  const auto y = random.reference();
  double error = 0, all = 0;
  for (int64_t i = 0; i < random.m; ++i)
    for (int64_t j = 0; j < random.n; ++j) {
      double exact = random.bias[static_cast<size_t>(j)];
      for (int64_t k = 0; k < random.depth; ++k)
        exact += static_cast<double>(random.x[static_cast<size_t>(i * random.depth + k)]) *
                 static_cast<double>(random.w[static_cast<size_t>(j * random.depth + k)]);
      error += std::pow(y[static_cast<size_t>(i * random.n + j)] - exact, 2);
      all += exact * exact;
    }
  EXPECT_LT(std::sqrt(error / all), 0.02);
  EXPECT_GT(std::sqrt(error / all), 1e-4);  // or nothing was rounded
}

TEST(Int8Linear, GivesARowItsBitsBesideAnyOthersAndForAnyThreads) {
  const Int8Case many(1100, 200, 1000);
  std::vector<float> all(many.x.size() / 1000 * 200), alone(200);
  int8_linear(many.problem(all.data()));
  for (const int64_t i : {0, 47, 48, 1047, 1099}) {
    auto one = many.problem(alone.data());
    one.m = 1, one.x += i * many.depth;
    int8_linear(one);
    EXPECT_EQ(std::memcmp(alone.data(), all.data() + i * many.n, 200 * sizeof(float)), 0) << i;
  }
  const int threads = num_threads();
  set_num_threads(threads + 2);
  std::vector<float> again(all.size());
  int8_linear(many.problem(again.data()));
  set_num_threads(threads);
  EXPECT_EQ(all, again);
}

TEST(Int8Linear, KeepsNaNAndInfinityToTheirRow) {
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Int8Case with(3, 65, 40);
    const auto before = with.reference();
    with.x[40 + 39] = odd;
    std::vector<float> y(before.size());
    int8_linear(with.problem(y.data()));
    for (size_t j = 0; j < 65; ++j) {
      EXPECT_TRUE(std::isnan(y[65 + j]));
      EXPECT_EQ(y[j], before[j]);
      EXPECT_EQ(y[130 + j], before[130 + j]);
    }
  }
}

TEST(Int8Linear, ZerosAndTheSmallestNumbersGiveTheBias) {
  for (const float small : {0.0f, 1e-40f, -1e-37f}) {
    Int8Case with(2, 64, 9);
    std::fill(with.x.begin(), with.x.end(), small);
    with.expect_reference();
    EXPECT_EQ(with.reference()[3], with.bias[3]);
  }
}

TEST(Int8Linear, MultipliesXByItsChannelsFirst) {
  Int8Case random(7, 70, 33);
  std::vector<float> channels(33), y(7 * 70), expected(7 * 70);
  for (size_t k = 0; k < 33; ++k) channels[k] = 0.1f + 0.3f * static_cast<float>(k);
  auto with = random.problem(y.data());
  with.channels = channels.data();
  int8_linear(with);
  with.y = expected.data();
  int8_linear_reference(with);
  EXPECT_EQ(y, expected);
  for (size_t i = 0; i < random.x.size(); ++i) random.x[i] *= channels[i % 33];
  int8_linear(random.problem(expected.data()));
  EXPECT_EQ(y, expected);
}

TEST(Int8Linear, AppliesTheFunctionToItsSums) {
  const Int8Case random(7, 70, 33);
  const auto plain = random.reference();
  for (const auto function : {Function::relu, Function::gelu}) {
    std::vector<float> y(plain.size()), expected(plain.size());
    int8_linear(random.problem(y.data(), function));
    apply(function, plain.data(), std::ssize(plain), expected.data());
    EXPECT_EQ(y, expected);
  }
}

TEST(QuantizeInt8, RoundsToTheNearestAndTiesToEven) {
  const std::vector<float> x = {127, 0.5f, 1.5f, -2.5f, 126.49f, -127, 0};
  std::vector<int8_t> q(x.size());
  float scale = 0;
  quantize_int8(x.data(), 1, 7, 7, q.data(), &scale);
  EXPECT_EQ(scale, 1);
  EXPECT_EQ(q, (std::vector<int8_t>{127, 0, 2, -2, 126, -127, 0}));
}

}  // namespace
}  // namespace heed::kernels
