// The cap on scores, and with it the kernels' tanh.
#include "kernels/softcap.h"

#include <hwy/highway.h>

#include "kernels/blocks.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

/// A tile around numbers, a whole number of panels.
template <class T>
Tile<T> tile_of(std::vector<T>& numbers) {
  const auto count = static_cast<int64_t>(numbers.size());
  numbers.resize(static_cast<size_t>(round_up(count, kAlign)));
  return {numbers.data(), round_up(count, kAlign), 0, 0, 0, count, 0, 1};
}

template <class T>
std::vector<T> capped(std::vector<T> x, double cap) {
  const size_t count = x.size();
  kernels::Softcap<T>(static_cast<T>(cap)).forward(tile_of(x));
  x.resize(count);
  return x;
}

/// Numbers of every size, dense where tanh bends.
template <class T>
std::vector<T> many_numbers() {
  std::vector<T> x;
  for (double size = std::numeric_limits<T>::min(); size < 1e30; size *= 1.7)
    x.push_back(static_cast<T>(size));
  for (int i = 0; i < 200000; ++i) x.push_back(static_cast<T>(i * 1.0001e-4));
  return x;
}

template <class T>
void expect_tanh() {
  const auto x = many_numbers<T>();
  auto minus_x = x;
  for (T& n : minus_x) n = -n;
  const auto t = capped(x, 1), minus_t = capped(minus_x, 1);
  const double most = sizeof(T) == 4 ? 3.4e-7 : 7e-16, one_from = sizeof(T) == 4 ? 9.1 : 19.1;
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = std::tanh(static_cast<double>(x[i]));
    ASSERT_LE(std::abs(t[i] - want), most * want) << "tanh " << x[i] << " is " << t[i];
    ASSERT_EQ(minus_t[i], -t[i]) << x[i];
    ASSERT_LE(t[i], 1) << x[i];
    if (x[i] >= one_from) {
      ASSERT_EQ(t[i], 1) << x[i];
    }
  }
  constexpr T kInfinite = std::numeric_limits<T>::infinity(), kMost = std::numeric_limits<T>::max();
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  const auto ends = capped<T>({0, -T{0}, kMost, -kMost, kInfinite, -kInfinite, kNan, -kNan}, 3);
  EXPECT_EQ(ends[0], 0);
  EXPECT_TRUE(std::signbit(ends[1]));
  for (const size_t i : {2, 4}) EXPECT_EQ(ends[i], 3);
  for (const size_t i : {3, 5}) EXPECT_EQ(ends[i], -3);
  for (const size_t i : {6, 7}) EXPECT_TRUE(std::isnan(ends[i]));
}

TYPED_TEST(Kernels, SoftcapIsTanhOnEveryTarget) {
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t left = supported; left != 0; left &= left - 1) {
    SCOPED_TRACE(hwy::TargetName(left & -left));
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    expect_tanh<TypeParam>();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

TYPED_TEST(Kernels, SoftcapPassesTheGradientOfItsOutput) {
  using T = TypeParam;
  for (const double cap : {0.5, 2.0, 50.0}) {
    std::vector<T> x, gradient;
    for (int i = -400; i <= 400; ++i) x.push_back(static_cast<T>(i * 0.25)), gradient.push_back(3);
    const auto before = x;
    const kernels::Softcap<T> modifier(static_cast<T>(cap));
    modifier.forward(tile_of(x));
    modifier.backward(tile_of(x), tile_of(gradient));
    for (size_t i = 0; i < before.size(); ++i) {
      const double t = std::tanh(before[i] / cap);
      EXPECT_NEAR(x[i], cap * t, cap * (sizeof(T) == 4 ? 3e-7 : 1e-15)) << before[i];
      EXPECT_NEAR(gradient[i], 3 * (1 - t * t), sizeof(T) == 4 ? 3e-6 : 1e-14) << before[i];
      if (std::abs(before[i]) > 20 * cap) {
        EXPECT_EQ(gradient[i], 0) << before[i];
      }
    }
  }
}

// Queries that are no whole number of panels, keys that are no whole number of blocks.
TYPED_TEST(Kernels, SoftcapInTheTiles) {
  using T = TypeParam;
  const Sizes n{2, 4, 2, 101, 153, 12, 20};
  const Inputs<T> in(n, 27, 3);
  const double cap = 1.5;
  Rules rules;
  const auto raw = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    double s = 0;
    for (int64_t e = 0; e < n.D; ++e)
      s += in.scale * static_cast<double>(in.q(b, h, i, e)) * in.k(b, h / 2, j, e);
    return s;
  };
  // The reference knows sums alone, so it is told the difference; the output needs no more.
  rules.added = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    const double s = raw(b, h, i, j);
    return cap * std::tanh(s / cap) - s;
  };
  const auto want = reference(n, in.q, in.k, in.v, in.grad_out, in.scale, rules);
  const kernels::Softcap<T> modifier(static_cast<T>(cap));
  auto problem = in.problem();
  problem.modifiers = {&modifier};
  const auto got = run(problem, in.grad_out);
  expect_near(got.out, want.out, "out", 2);
  expect_near(got.grad_v, want.grad_v, "grad_v", 4);
}

}  // namespace
}  // namespace heed::kernels::test
