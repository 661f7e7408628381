// Layer normalisation in training: values, gradients, bits.
#include "ops/layer_norm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "heed/core/threads.h"

namespace heed {
namespace {

constexpr double kEpsilon = 1e-5;

/// Value and gradients of x, weight and bias for g.
template <class Norm>
std::vector<at::Tensor> pass_of(const Norm& norm, const std::vector<at::Tensor>& given,
                                const at::Tensor& g, at::ScalarType type) {
  std::vector<at::Tensor> leaves;
  for (const auto& t : given) leaves.push_back(t.detach().to(type).requires_grad_());
  const auto bias = leaves.size() > 2 ? leaves[2] : at::Tensor();
  const auto y = norm(leaves[0], leaves[1], bias);
  auto found = torch::autograd::grad({y}, leaves, {g.to(type)});
  found.insert(found.begin(), y.detach());
  return found;
}

const auto own_norm = [](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return ops::layer_norm(x, w, b, kEpsilon);
};
const auto libtorch_norm = [](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return torch::layer_norm(x, {w.size(0)}, w, b, kEpsilon);
};

TEST(LayerNormInTraining, ValuesAndGradientsAreThoseOfFloat64) {
  torch::manual_seed(1);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t n : {1, 2, 7, 16, 33, 128, 600})
      for (const int64_t rows : {0, 1, 3, 1000})
        for (const bool has_bias : {false, true}) {
          std::vector<at::Tensor> given = {3 + torch::randn({rows, n}, type),
                                           torch::randn({n}, type)};
          if (has_bias) given.push_back(torch::randn({n}, type));
          const auto g = torch::randn({rows, n}, type);
          const auto found = pass_of(own_norm, given, g, type),
                     exact = pass_of(libtorch_norm, given, g, at::kDouble);
          const double near =
              type == at::kFloat ? 1e-3 : 1e-9;  // sums of 1000 rows; n = 2 is steep
          for (size_t i = 0; i < found.size(); ++i)
            EXPECT_TRUE(found[i].to(at::kDouble).allclose(exact[i], near, near))
                << i << ": " << rows << " x " << n;
        }
}

TEST(LayerNormInTraining, FarFromZeroAndAtAnySize) {
  torch::manual_seed(2);
  const auto x = torch::randn({5, 100}), w = torch::rand({100}) + 1, g = torch::randn({5, 100});
  for (const auto& [size, from] : {std::pair<double, double>{1, 1000}, {1e25, 0}, {1e-3, 0}}) {
    const auto moved = x * size + from;
    const auto found = pass_of(own_norm, {moved, w}, g, at::kFloat);
    const auto exact = pass_of(libtorch_norm, {moved, w}, g, at::kDouble);
    for (size_t i = 0; i < found.size(); ++i) {
      const double least = exact[i].abs().max().item<double>();
      EXPECT_LT((found[i].to(at::kDouble) - exact[i]).abs().max().item<double>(), 1e-4 * least)
          << i << " at " << size << " from " << from;
    }
  }
}

TEST(LayerNormInTraining, OfEqualNumbersIsTheBias) {
  torch::manual_seed(5);
  for (const double size : {0.0, 1.0, -1e6, 1e30}) {
    const std::vector<at::Tensor> given = {torch::full({3, 70}, size), torch::randn({70}),
                                           torch::randn({70})};
    const auto g = torch::randn({3, 70});
    const auto found = pass_of(own_norm, given, g, at::kFloat);
    const auto exact = pass_of(libtorch_norm, given, g, at::kDouble);
    EXPECT_TRUE(found[0].equal(given[2].expand({3, 70}))) << size;
    EXPECT_TRUE(found[1].isfinite().all().item<bool>()) << size;
    if (size > 1e9) continue;  // LibTorch's mean is off by so much there that float64 is no measure
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_TRUE(found[i].to(at::kDouble).allclose(exact[i], 1e-4, 1e-3)) << i << " at " << size;
  }
}

TEST(LayerNormInTraining, AnyNumberOfThreadsGivesTheSameBits) {
  const int before = num_threads();
  torch::manual_seed(3);
  const std::vector<at::Tensor> given = {torch::randn({3000, 100}), torch::randn({100}),
                                         torch::randn({100})};
  const auto g = torch::randn({3000, 100});
  set_num_threads(1);
  const auto expected = pass_of(own_norm, given, g, at::kFloat);
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    const auto found = pass_of(own_norm, given, g, at::kFloat);
    for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].equal(expected[i])) << i;
  }
  set_num_threads(before);
}

TEST(LayerNormInTraining, SecondDerivatives) {
  torch::manual_seed(4);
  const auto x = torch::randn({4, 6}, at::kDouble).requires_grad_();
  const auto w = torch::randn({6}, at::kDouble).requires_grad_();
  const auto b = torch::randn({6}, at::kDouble).requires_grad_();
  const auto by = [&](const auto& norm) {
    const auto first = torch::autograd::grad({norm(x, w, b).pow(3).sum()}, {x, w, b}, {}, {}, true);
    return torch::autograd::grad({first[0].square().sum() + first[1].square().sum()}, {x, w, b});
  };
  const auto found = by(own_norm), exact = by(libtorch_norm);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].allclose(exact[i])) << i;
}

}  // namespace
}  // namespace heed
