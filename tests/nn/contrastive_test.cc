#include "heed/nn/contrastive.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed::nn {
namespace {

struct ContrastiveCase {
  ContrastiveOptions options;
  int64_t N = 5, C = 5;
  std::vector<int64_t> ids = {};
};

/// -log p of row i of its own, by a loop; `scores` is (rows, columns).
double loss_of_row(const at::Tensor& scores, int64_t i, const std::vector<int64_t>& ids) {
  double all = 0;
  for (int64_t j = 0; j < scores.size(1); ++j) {
    const bool duplicate = !ids.empty() && j != i && ids[i] >= 0 && ids[i] == ids[j];
    if (!duplicate) all += std::exp(scores[i][j].item<double>());
  }
  return std::log(all) - scores[i][i].item<double>();
}

TEST(Contrastive, FollowsTheFormula) {
  torch::manual_seed(4);
  const std::vector<ContrastiveCase> cases = {
      {{}},
      {{.temperature = 0.5, .cosine = false}},
      {{.temperature = 0.1, .symmetric = true}},
      {{.temperature = 1, .cosine = false, .symmetric = true}, 4, 9},
      {{.temperature = 0.2}, 5, 7, {3, 1, 3, -1, -1, 3, 1}},
      {{.temperature = 0.2, .symmetric = true}, 5, 7, {3, 1, 3, -1, -1, 3, 1}},
      {{}, 1, 1},
  };
  for (const auto& c : cases) {
    const auto q = torch::randn({c.N, 6}, at::kDouble).requires_grad_();
    const auto t = torch::randn({c.C, 6}, at::kDouble).requires_grad_();
    const auto ids = c.ids.empty() ? at::Tensor() : torch::tensor(c.ids, at::kLong);
    const auto loss = contrastive_loss(q, t, c.options, ids);
    auto scores = torch::empty({c.N, c.C}, at::kDouble);
    for (int64_t i = 0; i < c.N; ++i)
      for (int64_t j = 0; j < c.C; ++j) {
        const auto dot = (q[i] * t[j]).sum().item<double>();
        const auto norms = q[i].norm().item<double>() * t[j].norm().item<double>();
        scores[i][j] = (c.options.cosine ? dot / norms : dot) / c.options.temperature;
      }
    double expected = 0, back = 0;
    for (int64_t i = 0; i < c.N; ++i) {
      expected += loss_of_row(scores, i, c.ids) / double(c.N);
      back += loss_of_row(scores.narrow(1, 0, c.N).t(), i, c.ids) / double(c.N);
    }
    if (c.options.symmetric) expected = (expected + back) / 2;
    EXPECT_NEAR(loss.item<double>(), expected, 1e-10);
    loss.backward();
    EXPECT_EQ(q.grad().abs().sum().item<double>() > 0, c.C > 1);
  }
}

TEST(Contrastive, IsFiniteForZerosAndSmallTemperatures) {
  const auto q = torch::zeros({3, 4}).requires_grad_();
  const auto t = torch::ones({3, 4}).requires_grad_();
  const auto loss = contrastive_loss(q, t, {.temperature = 1e-3});
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), std::log(3), 1e-6);
  EXPECT_TRUE(q.grad().isfinite().all().item<bool>());
  EXPECT_EQ(contrastive_loss(q.narrow(0, 0, 0), t).item<double>(), 0);
}

TEST(Contrastive, RefusesWhatDoesNotFit) {
  const auto x = torch::randn({3, 4});
  EXPECT_THROW(contrastive_loss(x, x.narrow(0, 0, 2)), UsageError);
  EXPECT_THROW(contrastive_loss(x, x.narrow(1, 0, 2)), UsageError);
  EXPECT_THROW(contrastive_loss(x, x.to(at::kDouble)), UsageError);
  EXPECT_THROW(contrastive_loss(x, x, {.temperature = 0}), UsageError);
  EXPECT_THROW(contrastive_loss(x, x, {}, torch::zeros({2}, at::kLong)), UsageError);
}

}  // namespace
}  // namespace heed::nn
