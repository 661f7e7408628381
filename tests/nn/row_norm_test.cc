// Norms of rows by their root mean square, against the formula in float64.
#include "heed/nn/row_norm.h"

#include <gtest/gtest.h>

#include <limits>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/ops/rms_norm.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

at::Tensor rms_exact(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto wide = x.to(at::kDouble);
  return wide / (wide.square().mean(-1, true) + eps).sqrt() * weight.to(at::kDouble);
}

TEST(RmsNorm, FollowsItsFormula) {
  torch::manual_seed(1);
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16})
    for (const int64_t width : {1, 2, 7, 16, 31, 128, 1000})
      for (const double eps : {0.0, 1e-6, 0.5}) {
        const auto x = torch::randn({3, 5, width}).to(type), w = torch::randn({width}).to(type);
        const double near = type == at::kDouble ? 1e-13 : type == at::kFloat ? 1e-6 : 2e-2;
        EXPECT_TRUE(rms_norm(x, w, eps).to(at::kDouble).allclose(rms_exact(x, w, eps), near, near))
            << type << " " << width << " " << eps;
        const auto t = x.transpose(0, 1);
        EXPECT_TRUE(rms_norm(t, w, eps).equal(rms_norm(t.contiguous(), w, eps)));
      }
}

TEST(RmsNorm, GradientIsThatOfTheFormula) {
  torch::manual_seed(2);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t width : {1, 3, 64, 600}) {
      auto x = torch::randn({40, 7, width}, type).requires_grad_(true);
      auto w = torch::randn({width}, type).requires_grad_(true);
      const auto g = torch::randn_like(x);
      const auto found = torch::autograd::grad({rms_norm(x, w, 1e-3)}, {x, w}, {g});
      auto wx = x.detach().to(at::kDouble).requires_grad_(true);
      auto ww = w.detach().to(at::kDouble).requires_grad_(true);
      const auto expected =
          torch::autograd::grad({rms_exact(wx, ww, 1e-3)}, {wx, ww}, {g.to(at::kDouble)});
      for (size_t i = 0; i < 2; ++i) {
        const double near = type == at::kDouble ? 1e-12 : 2e-5;
        EXPECT_TRUE(found[i].to(at::kDouble).allclose(expected[i], near, near))
            << width << " " << i;
      }
      // One of the two alone is the same.
      EXPECT_TRUE(
          torch::autograd::grad({rms_norm(x, w.detach(), 1e-3)}, {x}, {g})[0].equal(found[0]));
      EXPECT_TRUE(
          torch::autograd::grad({rms_norm(x.detach(), w, 1e-3)}, {w}, {g})[0].equal(found[1]));
    }
}

TEST(RmsNorm, SecondDerivativesAreThoseOfTheFormula) {
  torch::manual_seed(3);
  const auto second = [](bool by_formula, at::Tensor x, at::Tensor w) {
    x = x.clone().requires_grad_(true), w = w.clone().requires_grad_(true);
    const auto y = by_formula ? rms_exact(x, w, 1e-3) : rms_norm(x, w, 1e-3);
    const auto first = torch::autograd::grad({y.pow(3).sum()}, {x, w}, {}, true, true);
    return torch::autograd::grad({first[0].square().sum() + first[1].sin().sum()}, {x, w});
  };
  const auto x = torch::randn({4, 6}, at::kDouble), w = torch::randn({6}, at::kDouble);
  const auto found = second(false, x, w), expected = second(true, x, w);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(found[i].allclose(expected[i], 1e-9, 1e-9));
}

TEST(RmsNorm, GivesARowItsBitsBesideAnyOthersOnAnyNumberOfThreads) {
  torch::manual_seed(4);
  const int threads = num_threads();
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto x = torch::randn({3000, 77}, type).requires_grad_(true);
    auto w = torch::randn({77}, type).requires_grad_(true);
    const auto g = torch::randn_like(x);
    const auto run = [&] {
      const auto y = rms_norm(x, w, 1e-5);
      const auto grads = torch::autograd::grad({y}, {x, w}, {g});
      return std::vector<at::Tensor>{y, grads[0], grads[1]};
    };
    const auto all = run();
    for (const int64_t i : {0, 1, 1500, 2999})
      EXPECT_TRUE(rms_norm(x.narrow(0, i, 1), w, 1e-5)[0].equal(all[0][i]));
    set_num_threads(threads + 2);
    const auto again = run();
    set_num_threads(threads);
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(again[i].equal(all[i])) << i;
  }
}

TEST(RmsNorm, KeepsNaNToItsRowAndLargeNumbersFinite) {
  const auto w = torch::ones({40});
  auto x = torch::randn({5, 40});
  x[2][39] = std::numeric_limits<float>::quiet_NaN();
  x[3] *= 1e30, x[4] = 0;
  const auto y = rms_norm(x, w, 1e-5);
  EXPECT_TRUE(y[2].isnan().all().item<bool>());
  EXPECT_FALSE(torch::cat({y.narrow(0, 0, 2), y.narrow(0, 3, 2)}).isnan().any().item<bool>());
  EXPECT_TRUE(y[3].to(at::kDouble).allclose(rms_exact(x[3], w, 0), 1e-5, 1e-6));
  EXPECT_TRUE(y[4].equal(torch::zeros({40})));
  EXPECT_TRUE(rms_norm(x.narrow(0, 4, 1), w, 0).equal(torch::zeros({1, 40})));
  EXPECT_EQ(rms_norm(torch::randn({0, 40}), w, 0).numel(), 0);
}

TEST(RmsNorm, RefusesWhatDoesNotFit) {
  const auto w = torch::ones({4});
  EXPECT_THROW(rms_norm(torch::randn({2, 5}), w, 1e-5), UsageError);
  EXPECT_THROW(rms_norm(torch::randn({2, 4}, at::kDouble), w, 1e-5), UsageError);
  EXPECT_THROW(rms_norm(torch::randn({2, 4}), w, -1), UsageError);
  EXPECT_THROW(rms_norm({}, w, 0), UsageError);
  EXPECT_THROW(RowNorm(0), ModelError);
  EXPECT_THROW(RowNorm(RowNormOptions(4).eps(-1)), ModelError);
  EXPECT_THROW(RowNorm(4)->forward(torch::randn({2, 5})), UsageError);
}

TEST(RowNorm, IsWhatItsOptionsSay) {
  torch::manual_seed(5);
  const auto x = torch::randn({3, 6});
  RowNorm rms(RowNormOptions(6).type(NormType::rms).eps(0.1));
  EXPECT_EQ(rms->named_parameters().keys(), std::vector<std::string>{"weight"});
  EXPECT_EQ(c10::str(*rms), "RMSNorm");
  EXPECT_TRUE(rms->forward(x).equal(rms_norm(x, rms->weight, 0.1)));
  RowNorm layer(RowNormOptions(6).eps(0.1));
  EXPECT_EQ(c10::str(*layer), "LayerNorm");
  EXPECT_TRUE(layer->forward(x).allclose(torch::layer_norm(x, {6}, layer->weight, layer->bias, 0.1),
                                         1e-5, 1e-6));
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  EXPECT_TRUE(layer->forward(x).allclose(torch::layer_norm(x, {6}, {}, {}, 0.1), 1e-5, 1e-6));
}

}  // namespace
}  // namespace heed::nn
