// What rows alone compute: LibTorch's values, and a row's own bits beside any others.
#include <gmock/gmock.h>

#include <limits>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/nn/lora.h"
#include "heed/nn/positions.h"
#include "heed/nn/row_norm.h"
#include "nn/activation.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

at::Tensor normalised(RowNorm& norm, const at::Tensor& x) {
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  return norm->forward(x);
}

RowNorm random_norm(int64_t width, bool bias, at::ScalarType type) {
  RowNorm norm(RowNormOptions(width).bias(bias));
  const torch::NoGradGuard no_gradient;
  norm->weight.normal_();
  if (bias) norm->bias.normal_();
  norm->to(type);
  return norm;
}

TEST(RowsAlone, NormaliseIsLayerNorm) {
  torch::manual_seed(1);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t width : {1, 2, 7, 16, 31, 128, 1000})
      for (const bool bias : {true, false}) {
        auto norm = random_norm(width, bias, type);
        // Far from 0: a variance from sums of squares would lose all its digits.
        for (const double mean : {0.0, 1000.0}) {
          const auto x = torch::randn({3, 5, width}, type) + mean;
          const auto y = normalised(norm, x);
          const auto wide = [](const at::Tensor& t) { return t.defined() ? t.to(at::kDouble) : t; };
          const auto exact =
              torch::layer_norm(wide(x), {width}, wide(norm->weight), wide(norm->bias));
          const double near = type == at::kDouble ? 1e-9 : mean == 0 ? 1e-5 : 5e-3;
          EXPECT_TRUE(wide(y).allclose(exact, near, near)) << width << " " << mean << " " << type;
        }
      }
}

TEST(RowsAlone, NormaliseGivesARowItsBitsBesideAnyOthers) {
  torch::manual_seed(2);
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto norm = random_norm(77, true, type);
    const auto x = torch::randn({700, 77}, type), all = normalised(norm, x);
    for (const int64_t i : {0, 1, 350, 699})
      EXPECT_TRUE(normalised(norm, x.narrow(0, i, 1))[0].equal(all[i]));
    EXPECT_TRUE(normalised(norm, x.t().contiguous().t()).equal(all));
    const int threads = num_threads();
    set_num_threads(threads + 2);
    EXPECT_TRUE(normalised(norm, x).equal(all));
    set_num_threads(threads);
  }
}

TEST(RowsAlone, NormaliseKeepsNaNToItsRow) {
  RowNorm norm(40);
  const auto x = torch::randn({4, 40});
  x[2][39] = std::numeric_limits<float>::quiet_NaN();
  const auto y = normalised(norm, x);
  EXPECT_TRUE(y[2].isnan().all().item<bool>());
  EXPECT_FALSE(torch::cat({y.narrow(0, 0, 2), y.narrow(0, 3, 1)}).isnan().any().item<bool>());
  EXPECT_EQ(normalised(norm, torch::randn({0, 40})).size(0), 0);
}

TEST(RowsAlone, WithAGradientTheLayerItselfIsAsked) {
  RowNorm norm(8);
  const RowsAlone alone;
  const auto y = norm->forward(torch::randn({2, 8}));
  EXPECT_TRUE(y.requires_grad());
}

TEST(RowsAlone, ActivationsAreLibTorchs) {
  torch::manual_seed(3);
  const auto x = 4 * torch::randn({9, 301}), w = x.to(at::kDouble);
  const auto expected = [&](Activation activation) {
    return activate(activation, w).to(at::kFloat);
  };
  const torch::NoGradGuard no_gradient;
  for (const auto activation : {Activation::gelu, Activation::relu, Activation::gelu_tanh,
                                Activation::silu, Activation::quick_gelu}) {
    const auto exact = expected(activation);
    const RowsAlone alone;
    EXPECT_TRUE(activate(activation, x).allclose(exact, 1e-6, 2e-6)) << int(activation);
  }
}

TEST(RowsAlone, ALayersActivationIsOnePassWithTheBitsOfTwo) {
  torch::manual_seed(4);
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  for (const bool adapted : {false, true}) {
    auto linear = xavier_linear(40, 90);
    linear->bias.normal_();
    LoraOptions options;
    options.rank = 4;
    if (adapted) linear->register_module("lora_0", Lora(40, 90, 0, options))->b.normal_();
    const auto x = torch::randn({2, 17, 40});
    EXPECT_TRUE(
        activate(Activation::gelu, linear, x).equal(activate(Activation::gelu, affine(linear, x))));
  }
}

TEST(RowsAlone, PackedWeightsAreKeptInTheInnermostPlaceThatWasGiven) {
  const torch::NoGradGuard no_gradient;
  auto linear = xavier_linear(8, 8);
  const auto x = torch::randn({2, 8});
  PackedWeights outer, inner, place;
  const auto sizes = [&] { return std::vector<size_t>{outer.size(), inner.size(), place.size()}; };
  {
    const RowsAlone::Place nobody(place);
    EXPECT_FALSE(RowsAlone::active());
    affine(linear, x);
  }
  EXPECT_EQ(sizes(), (std::vector<size_t>{0, 0, 0}));
  const RowsAlone alone(outer);
  {
    const RowsAlone again(inner);
    const RowsAlone own;  // has no place of its own
    affine(linear, x);
  }
  EXPECT_EQ(sizes(), (std::vector<size_t>{0, 1, 0}));
  {
    const RowsAlone::Place here(place);
    affine(linear, x);
  }
  EXPECT_EQ(sizes(), (std::vector<size_t>{0, 1, 1}));
  affine(linear, x);
  EXPECT_EQ(sizes(), (std::vector<size_t>{1, 1, 1}));
}

at::Tensor rotated(const at::Tensor& x, int64_t first, const char* rope) {
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  return rotate(x, first, Attention::parse(rope).position);
}

TEST(RowsAlone, RotateHasTheBitsOfLibTorchsOperators) {
  torch::manual_seed(6);
  const torch::NoGradGuard no_gradient;
  for (const auto type : {at::kFloat, at::kDouble})
    for (const char* rope :
         {"rope", "rope(interleaved=1)", "rope(width=8)", "rope(width=8, interleaved=1)",
          "rope(scaling=3, factor=4, original=16)",
          "rope(scaling=3, factor=4, original=16, width=8)", "rope_2d", "rope(base=500)"}) {
      // Heads side by side and one after the other; many numbers are turned by several threads.
      for (const int64_t B : {1, 70}) {
        const auto x = torch::randn({B, 9, 3, 16}, type).transpose(1, 2);
        for (const auto& heads :
             {x, x.contiguous(), x.transpose(2, 3).contiguous().transpose(2, 3)}) {
          const auto position = Attention::parse(rope).position;
          const auto exact = rotate(heads, 0, position);
          EXPECT_TRUE(rotated(heads, 0, rope).equal(exact)) << rope << " " << B << " " << type;
        }
      }
    }
}

TEST(RowsAlone, TurnsAreThoseThatWereAskedFor) {
  torch::manual_seed(7);
  const torch::NoGradGuard no_gradient;
  const auto x = torch::randn({1, 2, 4, 16});
  const auto expect_same = [&](const at::Tensor& z, int64_t first, const char* rope) {
    EXPECT_TRUE(rotated(z, first, rope).equal(rotate(z, first, Attention::parse(rope).position)))
        << rope << " from " << first << " of " << z.sizes();
  };
  for (int round = 0; round < 2; ++round) {  // three kinds of turns, of which two are kept
    for (const char* rope : {"rope", "rope(base=500)", "rope(width=8)"})
      for (const int64_t first : {0, 1, 0, 7}) expect_same(x, first, rope);
    expect_same(x.narrow(2, 0, 1), 7, "rope");
    expect_same(x.narrow(3, 0, 8).contiguous(), 7, "rope");
    expect_same(x, 7, "rope");
    expect_same(x.to(at::kDouble), 7, "rope");
    expect_same(x, 0, "rope_2d");
    expect_same(x, 0, "rope_2d(columns=4)");
  }
  EXPECT_THROW(rotated(torch::randn({1, 1, 1, 7}), 0, "rope"), ModelError);
}

}  // namespace
}  // namespace heed::nn
