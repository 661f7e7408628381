// Quantiles and the normalisation of windows.
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/normalize_series.h"
#include "heed/nn/quantile_loss.h"

namespace heed::nn {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

TEST(QuantileLoss, FollowsTheFormula) {
  torch::manual_seed(2);
  const std::vector<double> q = {0.1, 0.5, 0.95};
  const auto f = torch::randn({2, 4, 3, 3}, at::kDouble).requires_grad_();
  auto y = torch::randn({2, 4, 3}, at::kDouble);
  const auto observed = torch::rand({2, 4, 3}) < 0.6;
  for (const bool masked : {false, true}) {
    double sum = 0, count = 0;
    for (int64_t i = 0; i < 24; ++i) {
      if (masked && !observed.flatten()[i].item<bool>()) continue;
      for (int64_t k = 0; k < 3; ++k) {
        const double e = y.flatten()[i].item<double>() - f.view({24, 3})[i][k].item<double>();
        sum += e >= 0 ? q[k] * e : (q[k] - 1) * e, ++count;
      }
    }
    if (masked) y.masked_fill_(observed.logical_not(), kMissing);
    const auto loss = quantile_loss(f, y, q, masked ? observed : at::Tensor());
    EXPECT_NEAR(loss.item<double>(), sum / count, 1e-12);
    f.mutable_grad() = at::Tensor();
    loss.backward();
    EXPECT_TRUE(f.grad().isfinite().all().item<bool>());
    EXPECT_GT(f.grad().abs().sum().item<double>(), 0);
  }
  EXPECT_EQ(quantile_loss(f, y, q, torch::zeros({2, 4, 3}, at::kBool)).item<double>(), 0);
}

TEST(QuantileLoss, IsLeastAtTheQuantile) {
  // Of the numbers 0 .. 99 the loss of a constant is least near 100 q.
  const auto y = torch::arange(100, at::kDouble).view({100, 1, 1});
  const auto loss = [&](double f) {
    return quantile_loss(torch::full({100, 1, 1, 1}, f, at::kDouble), y, {0.9}).item<double>();
  };
  EXPECT_LT(loss(90), loss(85));
  EXPECT_LT(loss(90), loss(95));
}

TEST(QuantileLoss, RefusesWhatDoesNotFit) {
  const auto f = torch::zeros({2, 4, 3, 2}), y = torch::zeros({2, 4, 3});
  EXPECT_NO_THROW(quantile_loss(f, y, {0.1, 0.9}));
  EXPECT_THROW(quantile_loss(f, y, {0.1}), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {0.9, 0.1}), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {0, 0.1}), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {0.1, 1}), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {0.1, kMissing}), UsageError);
  EXPECT_THROW(quantile_loss(f, y.narrow(1, 0, 3), {0.1, 0.9}), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {0.1, 0.9}, y), UsageError);
  EXPECT_THROW(quantile_loss(f, y, {}), UsageError);
}

TEST(OrderedQuantiles, NeverCross) {
  torch::manual_seed(2);
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  for (const int64_t Q : {1, 2, 3, 4, 9}) {
    const auto x = torch::randn({2, 3, Q}, at::kDouble).requires_grad_();
    const auto y = ordered_quantiles(x);
    ASSERT_EQ(y.sizes(), x.sizes());
    const int64_t m = Q / 2;
    std::vector<double> expected(static_cast<size_t>(Q));
    const auto row = x[1][2];
    expected[m] = row[m].item<double>();
    for (int64_t i = m + 1; i < Q; ++i)
      expected[i] = expected[i - 1] + softplus(row[i].item<double>());
    for (int64_t i = m - 1; i >= 0; --i)
      expected[i] = expected[i + 1] - softplus(row[i].item<double>());
    EXPECT_TRUE(y[1][2].allclose(torch::tensor(expected, at::kDouble), 1e-12, 1e-12)) << Q;
    y.square().sum().backward();
    EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  }
  for (const double scale : {1e-3, 1e2, 1e6}) {
    const auto y = ordered_quantiles(torch::randn({50, 7}) * scale);
    EXPECT_TRUE((y.diff() >= 0).all().item<bool>()) << scale;
    EXPECT_TRUE(y.isfinite().all().item<bool>()) << scale;
  }
  EXPECT_THROW(ordered_quantiles(torch::zeros({2, 0})), UsageError);
}

TEST(NormalizeSeries, FollowsTheFormulaAndComesBack) {
  torch::manual_seed(2);
  NormalizeSeries layer(3);
  layer->to(at::kDouble);
  layer->weight.data().normal_(1, 0.2), layer->bias.data().normal_();
  const auto x = torch::randn({2, 3, 10}, at::kDouble) * 5 + 100;
  const auto scale = layer->scale(x);
  const auto y = layer->normalize(x, scale);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t c = 0; c < 3; ++c) {
      const double mean = x[b][c].mean().item<double>();
      const double var = x[b][c].var(/*unbiased=*/false).item<double>();
      const auto expected =
          (x[b][c] - mean) / std::sqrt(var + 1e-5) * layer->weight[c] + layer->bias[c];
      EXPECT_TRUE(y[b][c].allclose(expected, 1e-10, 1e-10));
    }
  EXPECT_TRUE(layer->denormalize(y, scale, 1).allclose(x, 1e-7, 1e-7));
  const auto turned = layer->denormalize(y.transpose(1, 2), scale, 2);  // (B, H, C)
  EXPECT_TRUE(turned.allclose(x.transpose(1, 2), 1e-7, 1e-7));
  const auto quantiles = y.transpose(1, 2).unsqueeze(3).expand({2, 10, 3, 4});
  EXPECT_TRUE(layer->denormalize(quantiles, scale, 2).select(3, 1).allclose(turned));
  layer->denormalize(y * 2, scale, 1).sum().backward();
  EXPECT_GT(layer->weight.grad().abs().sum().item<double>(), 0);
}

TEST(NormalizeSeries, IsExactFarFromZero) {
  torch::manual_seed(2);
  NormalizeSeries layer(1, NormalizeSeriesOptions().affine(false));
  const auto x = torch::randn({1, 1, 100}) + 1e5;  // float32
  const auto wide = x.to(at::kDouble);
  const auto variance = wide.var(/*unbiased=*/false).item<double>();
  const auto expected = (wide - wide.mean()) / std::sqrt(variance + 1e-5);
  EXPECT_TRUE(layer->normalize(x, layer->scale(x)).to(at::kDouble).allclose(expected, 1e-6, 1e-6));
}

TEST(NormalizeSeries, ConstantWindowsAreSafe) {
  NormalizeSeries layer(4, NormalizeSeriesOptions().affine(false));
  const auto level = torch::tensor({0.1f, 1e6f / 3, -3e30f, 0.0f}).view({1, 4, 1});
  for (const int64_t T : {1, 7, 336}) {
    const auto x = level.expand({1, 4, T});
    const auto scale = layer->scale(x);
    const auto y = layer->normalize(x, scale);
    EXPECT_TRUE(y.equal(torch::zeros({1, 4, T}))) << y;
    EXPECT_TRUE(layer->denormalize(y, scale, 1).equal(x));
  }
}

TEST(NormalizeSeries, RefusesWhatDoesNotFit) {
  EXPECT_THROW(NormalizeSeries(0), ModelError);
  EXPECT_THROW(NormalizeSeries(2, NormalizeSeriesOptions().eps(0)), ModelError);
  NormalizeSeries layer(2);
  const auto x = torch::zeros({3, 2, 5});
  const auto scale = layer->scale(x);
  EXPECT_THROW(layer->scale(x.narrow(1, 0, 1)), UsageError);
  EXPECT_THROW(layer->scale(x.narrow(2, 0, 0)), UsageError);
  EXPECT_THROW(layer->denormalize(x, scale, 2), UsageError);
  EXPECT_THROW(layer->denormalize(x, scale, 0), UsageError);
  EXPECT_THROW(layer->denormalize(x.narrow(0, 0, 2), scale, 1), UsageError);
}

}  // namespace
}  // namespace heed::nn
