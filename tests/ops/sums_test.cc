// Gradients and outputs that many equal terms add up to, against float64.
#include "ops/cases.h"

namespace heed::test {
namespace {

/// The largest error, over the largest exact value.
double relative_error(const at::Tensor& x, const at::Tensor& exact) {
  return ((x.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}

at::Tensor bias_gradient(int64_t B, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         std::vector<int64_t> shape) {
  const auto bias = torch::zeros(shape, q.options()).requires_grad_();
  const auto many = [&](const at::Tensor& x) {
    return x.expand({B, x.size(1), x.size(2), x.size(3)});
  };
  AttendInputs inputs;
  inputs.bias = bias;
  const auto out = attend(many(q), many(k), many(v), Attention::parse("scaled_dot; bias"), inputs);
  return torch::autograd::grad({out.select(3, 0).sum()}, {bias})[0];
}

TEST(Sums, GradientOfABiasThatManyRowsShare) {
  torch::manual_seed(0);
  const auto q = torch::randn({1, 2, 4, 8}), k = torch::randn({1, 2, 6, 8});
  const auto v = torch::randn({1, 2, 6, 4});
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  for (const auto& shape : std::vector<std::vector<int64_t>>{
           {1, 1, 1, 6}, {1, 1, 4, 6}, {1, 2, 4, 6}, {1, 2, 1, 6}, {6}, {4, 6}})
    for (const int64_t B : {1, 16, 512, 4096}) {
      const auto exact = bias_gradient(1, wide(q), wide(k), wide(v), shape) * B;
      EXPECT_LE(relative_error(bias_gradient(B, q, k, v, shape), exact), 8e-7) << shape << " " << B;
    }
}

TEST(Sums, ValuesOfADistanceThatManyKeysShare) {
  const int64_t L = 30'000;
  const auto q = torch::zeros({1, 1, 2, 8}), k = torch::zeros({1, 1, L, 8});
  const double exact = 1.1 * static_cast<double>(L) / (1 + std::exp(1.0));
  AttendInputs inputs;
  inputs.parameters = {{"shaw.table", torch::zeros({1, 3, 8})},
                       {"shaw.values", torch::full({1, 3, 1}, 1.1)}};
  const auto out = attend(q, k, torch::zeros({1, 1, L, 1}),
                          Attention::parse("scaled_dot; shaw(1, values=1); sigmoid(-1)"), inputs);
  EXPECT_LE(relative_error(out, torch::full({1, 1, 2, 1}, exact, at::kDouble)), 1e-6);
}

}  // namespace
}  // namespace heed::test
