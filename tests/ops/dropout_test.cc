// Dropout against its formula, decision by decision.
#include "heed/ops/dropout.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/core/threads.h"

namespace heed::test {
namespace {

/// 1 / (1 - p) where an element is kept, else 0.
at::Tensor decisions(int64_t count, double p, uint64_t seed) {
  auto all = torch::zeros({count}, at::kDouble);
  for (int64_t e = 0; e < count; ++e) {
    const uint64_t counter = 16 * (static_cast<uint64_t>(e) / 64) + static_cast<uint64_t>(e) % 16;
    const auto words = philox(
        seed, {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 1u, 0u});
    if (words[static_cast<size_t>(e / 16 % 4)] >= std::llround(p * 0x1p32)) all[e] = 1 / (1 - p);
  }
  return all;
}

TEST(Dropout, FollowsTheFormula) {
  for (const int64_t count : {0, 1, 15, 16, 17, 63, 64, 65, 200}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      const auto x = torch::randn({count}, type), residual = torch::randn({count}, type);
      const auto by = decisions(count, 0.3, 77).to(type);
      EXPECT_TRUE(at::allclose(heed::dropout(x, 0.3, true, {}, 77), x * by, 1e-6, 0)) << count;
      EXPECT_TRUE(
          at::allclose(heed::dropout(x, 0.3, true, residual, 77), residual + x * by, 1e-6, 1e-6))
          << count;
    }
  }
}

TEST(Dropout, BackwardTakesTheDecisionsOfForward) {
  for (const int64_t count : {0, 1, 15, 16, 17, 63, 64, 65, 300}) {
    for (const auto type : {at::kFloat, at::kDouble}) {
      auto x = torch::randn({count}, type).requires_grad_();
      auto residual = torch::randn({count}, type).requires_grad_();
      const auto g = torch::randn({count}, type), by = decisions(count, 0.3, 77).to(type);
      const auto grads =
          torch::autograd::grad({heed::dropout(x, 0.3, true, residual, 77)}, {x, residual}, {g});
      EXPECT_TRUE(at::allclose(grads[0], g * by, 1e-6, 0)) << count;
      EXPECT_TRUE(at::equal(grads[1], g)) << count;
    }
  }
}

TEST(Dropout, KeepsTheRightPart) {
  for (const double p : {0.1, 0.5, 0.9}) {
    const auto y = heed::dropout(torch::ones({1000, 1000}), p, true);
    EXPECT_NEAR(y.eq(0).to(at::kDouble).mean().item<double>(), p, 0.003);
    EXPECT_NEAR(y.to(at::kDouble).mean().item<double>(), 1, 0.01);
  }
}

TEST(Dropout, FirstAndSecondDerivatives) {
  const auto by = decisions(60, 0.4, 5).view({6, 10});
  auto x = torch::randn({6, 10}, at::kDouble).requires_grad_();
  auto residual = torch::randn({6, 10}, at::kDouble).requires_grad_();
  const auto y = heed::dropout(x, 0.4, true, residual, 5);
  const auto first = torch::autograd::grad({y.pow(3).sum()}, {x, residual}, {}, {}, true);
  const auto slope = 3 * y.detach().square();
  EXPECT_TRUE(at::allclose(first[0], slope * by, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(first[1], slope, 1e-12, 1e-12));
  const auto second = torch::autograd::grad({first[0].sum()}, {x, residual});
  EXPECT_TRUE(at::allclose(second[0], 6 * y.detach() * by * by, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(second[1], 6 * y.detach() * by, 1e-12, 1e-12));
}

TEST(Dropout, DoesNothingOutsideTrainingAndAtZero) {
  const auto x = torch::randn({7}), residual = torch::randn({7});
  EXPECT_TRUE(at::equal(heed::dropout(x, 0.5, false), x));
  EXPECT_TRUE(at::equal(heed::dropout(x, 0, true, residual), residual + x));
}

TEST(Dropout, SeedsComeFromTheGenerator) {
  const auto x = torch::ones({100});
  torch::manual_seed(1);
  const auto a = heed::dropout(x, 0.5, true), b = heed::dropout(x, 0.5, true);
  torch::manual_seed(1);
  EXPECT_TRUE(at::equal(heed::dropout(x, 0.5, true), a));
  EXPECT_FALSE(at::equal(a, b));
}

TEST(Dropout, AnyLayoutAndNumberOfThreadsGivesTheSameBits) {
  const int before = num_threads();
  const auto x = torch::randn({300, 1000});
  const auto expected = heed::dropout(x, 0.2, true, {}, 9);
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    EXPECT_TRUE(at::equal(heed::dropout(x, 0.2, true, {}, 9), expected)) << threads;
    EXPECT_TRUE(at::equal(heed::dropout(x.t().contiguous().t(), 0.2, true, {}, 9), expected))
        << threads;
  }
  set_num_threads(before);
}

TEST(Dropout, WrongArgumentsAreNamed) {
  const auto x = torch::ones({3});
  EXPECT_THROW(heed::dropout(x, 1, true), UsageError);
  EXPECT_THROW(heed::dropout(x, -0.1, true), UsageError);
  EXPECT_THROW(heed::dropout({}, 0.1, true), UsageError);
  EXPECT_THROW(heed::dropout(x.to(at::kLong), 0.1, true), UsageError);
  EXPECT_THROW(heed::dropout(x, 0.1, true, torch::ones({2})), UsageError);
}

}  // namespace
}  // namespace heed::test
