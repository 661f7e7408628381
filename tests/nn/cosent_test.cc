#include "heed/nn/cosent.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

TEST(Cosent, FollowsTheFormula) {
  torch::manual_seed(6);
  for (const int64_t N : {1, 2, 7, 33})
    for (const double temperature : {0.05, 1.0}) {
      const auto c = (torch::rand({N}, at::kDouble) * 2 - 1).requires_grad_();
      const auto s = torch::randint(0, 4, {N}).to(at::kDouble);
      double sum = 1;
      auto gradient = torch::zeros({N}, at::kDouble);
      for (int64_t i = 0; i < N; ++i)
        for (int64_t j = 0; j < N; ++j) {
          if (!(s[i].item<double>() > s[j].item<double>())) continue;
          const double term = std::exp((c[j].item<double>() - c[i].item<double>()) / temperature);
          sum += term;
          gradient[j] += term / temperature, gradient[i] -= term / temperature;
        }
      const auto loss = cosent_loss(c, s, temperature);
      EXPECT_NEAR(loss.item<double>(), std::log(sum), 1e-10 * std::log(sum) + 1e-14);
      loss.backward();
      EXPECT_TRUE(at::allclose(c.grad(), gradient / sum, 1e-9, 1e-12));
    }
}

TEST(Cosent, OnlyTheOrderOfScoresCounts) {
  torch::manual_seed(7);
  const auto c = torch::rand({9}), s = torch::rand({9});
  const auto loss = cosent_loss(c, s).item<float>();
  EXPECT_EQ(cosent_loss(c, s.to(at::kDouble) * 1e9 - 5e8).item<float>(), loss);
  EXPECT_EQ(cosent_loss(c, torch::ones({9})).item<float>(), 0);
  EXPECT_EQ(cosent_loss(c.slice(0, 0, 0), s.slice(0, 0, 0)).item<float>(), 0);
  // Cosines as far apart as they can be, by a small temperature: e^2000 does not overflow.
  const auto far = cosent_loss(torch::tensor({-1.f, 1.f}), torch::tensor({1.f, 0.f}), 1e-3);
  EXPECT_NEAR(far.item<float>(), 2000, 1e-3);
}

TEST(Cosent, RefusesWhatDoesNotFit) {
  const auto c = torch::zeros({3});
  EXPECT_THROW(cosent_loss(torch::zeros({3, 1}), c), UsageError);
  EXPECT_THROW(cosent_loss(c, torch::zeros({4})), UsageError);
  EXPECT_THROW(cosent_loss(c, torch::zeros({3}, at::kLong)), UsageError);
  EXPECT_THROW(cosent_loss(c, {}), UsageError);
  EXPECT_THROW(cosent_loss(c, c, 0), UsageError);
}

}  // namespace
}  // namespace heed::nn
