// The gates of feature maps, against loops over pixels.
#include <torch/nn/functional/upsampling.h>

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/attention_gate.h"
#include "heed/nn/cbam.h"
#include "heed/nn/squeeze_excitation.h"

namespace heed::nn {
namespace {

template <class Module>
Module ready(Module module) {
  torch::manual_seed(7);
  module->to(at::kDouble);
  for (auto& p : module->parameters()) p.data().normal_(0, 0.5);
  return module;
}

at::Tensor normal_image(at::IntArrayRef shape) { return torch::randn(shape, at::kDouble); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// f(z) = relu(z W1 + b1) W2 + b2, by loops.
std::vector<double> two_layers(const torch::nn::Linear& down, const torch::nn::Linear& up,
                               const std::vector<double>& z) {
  const auto apply = [](const torch::nn::Linear& layer, const std::vector<double>& in) {
    std::vector<double> out;
    for (int64_t o = 0; o < layer->weight.size(0); ++o) {
      double sum = layer->bias[o].item<double>();
      for (size_t i = 0; i < in.size(); ++i)
        sum += layer->weight[o][static_cast<int64_t>(i)].item<double>() * in[i];
      out.push_back(sum);
    }
    return out;
  };
  auto hidden = apply(down, z);
  for (auto& h : hidden) h = std::max(h, 0.0);
  return apply(up, hidden);
}

TEST(SqueezeExcitation, FollowsTheFormula) {
  auto layer = ready(SqueezeExcitation(SqueezeExcitationOptions(6).reduction(2)));
  ASSERT_EQ(layer->down->weight.size(0), 3);
  const auto x = normal_image({2, 6, 3, 5});
  const auto a = layer->gate(x), y = layer->forward(x);
  for (int64_t b = 0; b < 2; ++b) {
    std::vector<double> means;
    for (int64_t c = 0; c < 6; ++c) means.push_back(x[b][c].mean().item<double>());
    const auto f = two_layers(layer->down, layer->up, means);
    for (int64_t c = 0; c < 6; ++c) {
      EXPECT_NEAR(a[b][c][0][0].item<double>(), sigmoid(f[c]), 1e-12);
      EXPECT_TRUE(y[b][c].allclose(sigmoid(f[c]) * x[b][c], 1e-12));
    }
  }
}

TEST(ChannelGate, AddsWhatMeanAndMaximumSay) {
  auto layer = ready(ChannelGate(ChannelGateOptions(4).reduction(2)));
  const auto x = normal_image({2, 4, 3, 3});
  const auto a = layer->gate(x);
  ASSERT_EQ(a.sizes(), (std::vector<int64_t>{2, 4, 1, 1}));
  for (int64_t b = 0; b < 2; ++b) {
    std::vector<double> means, maxima;
    for (int64_t c = 0; c < 4; ++c)
      means.push_back(x[b][c].mean().item<double>()),
          maxima.push_back(x[b][c].max().item<double>());
    const auto f = two_layers(layer->down, layer->up, means);
    const auto g = two_layers(layer->down, layer->up, maxima);
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_NEAR(a[b][c][0][0].item<double>(), sigmoid(f[c] + g[c]), 1e-12);
  }
  EXPECT_TRUE(layer->forward(x).equal(a * x));
}

TEST(SpatialGate, ConvolvesMeanAndMaximumOfTheChannels) {
  for (const int64_t k : {1, 3, 7}) {
    auto layer = ready(SpatialGate(SpatialGateOptions().kernel(k)));
    const auto x = normal_image({1, 3, 4, 5});
    const auto a = layer->gate(x);
    ASSERT_EQ(a.sizes(), (std::vector<int64_t>{1, 1, 4, 5}));
    for (int64_t r = 0; r < 4; ++r)
      for (int64_t c = 0; c < 5; ++c) {
        double sum = layer->convolution->bias[0].item<double>();
        for (int64_t i = 0; i < k; ++i)
          for (int64_t j = 0; j < k; ++j) {
            const int64_t y = r + i - k / 2, z = c + j - k / 2;
            if (y < 0 || y >= 4 || z < 0 || z >= 5) continue;
            const auto pixel = x[0].select(1, y).select(1, z);
            const auto w = layer->convolution->weight[0];
            sum += w[0][i][j].item<double>() * pixel.mean().item<double>() +
                   w[1][i][j].item<double>() * pixel.max().item<double>();
          }
        EXPECT_NEAR(a[0][0][r][c].item<double>(), sigmoid(sum), 1e-12);
      }
    EXPECT_TRUE(layer->forward(x).equal(a * x));
  }
}

TEST(Cbam, GatesChannelsThenPlaces) {
  auto layer = ready(Cbam(CbamOptions(4).reduction(4).kernel(3)));
  const auto x = normal_image({2, 4, 5, 3});
  const auto what = layer->channel->gate(x) * x;
  EXPECT_TRUE(layer->forward(x).equal(layer->spatial->gate(what) * what));
}

/// One side of bilinear resampling where pixels are areas: the two sources and the weight of the
/// second.
std::tuple<int64_t, int64_t, double> sources(int64_t i, int64_t from, int64_t to) {
  const double at = std::max((double(i) + 0.5) * double(from) / double(to) - 0.5, 0.0);
  const auto low = static_cast<int64_t>(at);
  return {low, std::min(low + 1, from - 1), at - double(low)};
}

at::Tensor bilinear(const at::Tensor& x, int64_t rows, int64_t columns) {  // (h, w)
  auto y = torch::zeros({rows, columns}, at::kDouble);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const auto [r0, r1, fr] = sources(r, x.size(0), rows);
      const auto [c0, c1, fc] = sources(c, x.size(1), columns);
      y[r][c] = (1 - fr) * ((1 - fc) * x[r0][c0] + fc * x[r0][c1]) +
                fr * ((1 - fc) * x[r1][c0] + fc * x[r1][c1]);
    }
  return y;
}

/// The gate of one image at its own resolution, by loops: (h / s, w / s).
at::Tensor coarse_gate(AttentionGate& layer, const at::Tensor& x, const at::Tensor& g) {
  const int64_t s = layer->options.stride(), F = layer->psi->weight.size(1);
  const int64_t h = x.size(1) / s, w = x.size(2) / s;
  auto total = torch::full({h, w}, layer->psi->bias[0].item<double>(), at::kDouble);
  for (int64_t f = 0; f < F; ++f) {
    auto signal = torch::zeros({g.size(1), g.size(2)}, at::kDouble) + layer->of_signal->bias[f];
    for (int64_t c = 0; c < g.size(0); ++c) signal += layer->of_signal->weight[f][c][0][0] * g[c];
    auto hidden = bilinear(signal, h, w);
    for (int64_t r = 0; r < h; ++r)
      for (int64_t c = 0; c < w; ++c)
        hidden[r][c] += (layer->of_x->weight[f] * x.narrow(1, r * s, s).narrow(2, c * s, s)).sum();
    total += layer->psi->weight[0][f][0][0] * torch::relu(hidden);
  }
  return torch::sigmoid(total);
}

TEST(AttentionGate, FollowsTheFormulaAtAnyResolutions) {
  torch::NoGradGuard no_gradient;
  struct Case {
    int64_t stride, h, w, gh, gw;
  };
  for (const auto& c : {Case{2, 6, 8, 3, 4}, {2, 7, 5, 2, 1}, {1, 4, 3, 2, 2}, {3, 3, 3, 5, 5}}) {
    auto layer = ready(AttentionGate(AttentionGateOptions(4, 3).hidden(2).stride(c.stride)));
    const auto x = normal_image({2, 4, c.h, c.w}), g = normal_image({2, 3, c.gh, c.gw});
    const auto a = layer->gate(x, g);
    ASSERT_EQ(a.sizes(), (std::vector<int64_t>{2, 1, c.h, c.w}));
    for (int64_t b = 0; b < 2; ++b)
      EXPECT_TRUE(
          a[b][0].allclose(bilinear(coarse_gate(layer, x[b], g[b]), c.h, c.w), 1e-10, 1e-12));
    EXPECT_TRUE(layer->forward(x, g).equal(a * x));
  }
}

TEST(ImageGates, TrainCloneAndTakeEmptyBatches) {
  const auto x = normal_image({2, 4, 6, 6});
  const auto check = [&](auto module, auto... signal) {
    const auto y = module->forward(x, signal...);
    (y * torch::randn_like(y)).sum().backward();
    for (const auto& p : module->parameters())
      EXPECT_GT(p.grad().abs().max().template item<double>(), 0);
    using Impl = typename decltype(module)::Impl;
    const auto copy = std::dynamic_pointer_cast<Impl>(module->clone());
    EXPECT_TRUE(copy->forward(x, signal...).equal(y));
    EXPECT_EQ(module->forward(x.narrow(0, 0, 0), signal.narrow(0, 0, 0)...).size(0), 0);
  };
  check(ready(SqueezeExcitation(SqueezeExcitationOptions(4).reduction(1))));
  check(ready(ChannelGate(ChannelGateOptions(4).reduction(1))));
  check(ready(SpatialGate()));
  check(ready(Cbam(CbamOptions(4).reduction(1))));
  check(ready(AttentionGate(AttentionGateOptions(4, 5).hidden(3))), normal_image({2, 5, 3, 3}));
}

TEST(ImageGates, RefuseWhatDoesNotFit) {
  EXPECT_EQ(SqueezeExcitation(4)->down->weight.size(0), 1);  // a reduction of more than C
  EXPECT_THROW(SqueezeExcitation(SqueezeExcitationOptions(4).reduction(0)), ModelError);
  EXPECT_THROW(ChannelGate(0), ModelError);
  EXPECT_THROW(SpatialGate(SpatialGateOptions().kernel(4)), ModelError);
  EXPECT_THROW(AttentionGate(AttentionGateOptions(4, 4).stride(0)), ModelError);
  EXPECT_THROW(ChannelGate(4)->forward(torch::zeros({1, 3, 2, 2})), UsageError);
  EXPECT_THROW(ChannelGate(4)->forward(torch::zeros({1, 4, 0, 2})), UsageError);
  EXPECT_THROW(SpatialGate()->forward(torch::zeros({1, 0, 2, 2})), UsageError);
  AttentionGate gate(AttentionGateOptions(4, 3));
  const auto x = torch::zeros({1, 4, 4, 4});
  EXPECT_THROW(gate->forward(x.narrow(2, 0, 1), torch::zeros({1, 3, 2, 2})), UsageError);
  try {
    gate->forward(x, torch::zeros({2, 3, 2, 2}));
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "attention gate: g: expected batch B=1 as in x [1, 4, 4, 4], given [2, 3, 2, 2]");
  }
}

}  // namespace
}  // namespace heed::nn
