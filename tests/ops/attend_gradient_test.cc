// Derivatives against finite differences in float64: first and second, of q, k, v and bias.
#include <gtest/gtest.h>

#include "ops/cases.h"

namespace heed::test {
namespace {

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

/// d loss / d x[i] by (loss(x + h) - loss(x - h)) / 2h, where loss = sum(f * weight).
at::Tensor finite_difference(const Function& f, std::vector<at::Tensor> at, size_t which,
                             const at::Tensor& weight) {
  constexpr double kStep = 1e-5;
  const torch::NoGradGuard no_gradient;
  const auto x = at[which].contiguous().clone();
  auto slope = torch::zeros_like(x);
  const auto loss = [&] { return (f(at) * weight).sum().item<double>(); };
  at[which] = x;
  double* numbers = x.data_ptr<double>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double kept = numbers[i];
    numbers[i] = kept + kStep;
    const double above = loss();
    numbers[i] = kept - kStep;
    const double below = loss();
    numbers[i] = kept;
    slope.data_ptr<double>()[i] = (above - below) / (2 * kStep);
  }
  return slope;
}

void expect_gradients(const Function& f, const std::vector<at::Tensor>& inputs,
                      const std::string& what) {
  std::vector<at::Tensor> leaves;
  for (const auto& x : inputs) leaves.push_back(x.detach().clone().requires_grad_());
  const auto out = f(leaves);
  const auto weight = torch::randn_like(out.detach());
  const auto grads =
      torch::autograd::grad({out}, leaves, {weight}, {}, false, /*allow_unused=*/true);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const auto grad = grads[i].defined() ? grads[i] : torch::zeros_like(leaves[i]);
    EXPECT_TRUE(close(grad, finite_difference(f, leaves, i, weight), 1e-7, 1e-6))
        << what << " input " << i;
  }
}

std::vector<Case> small_cases() {
  return {
      {.B = 1, .H = 1, .G = 1, .Lq = 1, .Lk = 1, .D = 1, .E = 1},
      {.B = 2, .H = 4, .G = 2, .Lq = 5, .Lk = 7, .D = 3, .E = 2},
      {.Lq = 7, .Lk = 5, .how = "causal", .layout = Layout::every_other},
      {.how = "window(2,1)", .layout = Layout::heads_inside},
      {.how = "dot", .lengths = true},
      {.how = "scaled_dot(0.7)", .mask = true},
      {.added = true},
      {.B = 2, .H = 4, .G = 1, .bias = {2, 4, 5, 7}},
      {.bias = {2, 1, 7}},
      {.how = "causal", .bias = {1, 1, 5, 7}},
      {.bias = {2, 2, 5, 1}},
      {.bias = {1}},
      {.how = "dropout=0.4"},
      {.how = "dropout=0.3; causal", .bias = {5, 7}},
      {.B = 1, .H = 2, .G = 1, .how = "uniform; alibi"},
      {.B = 1, .how = "general; causal"},
      {.B = 1, .how = "cosine(2); alibi"},
      {.B = 1, .H = 2, .G = 1, .how = "additive; causal"},
      {.B = 1, .Lq = 4, .how = "feed_forward(activation=relu); relative(4, 6)"},
      {.B = 1, .Lq = 3, .how = "feed_forward(activation=gelu, layers=2)"},
      {.B = 1, .how = "feed_forward(query=0, layers=2)"},
      {.B = 1, .how = "location(9); window(3,2)"},
      {.B = 2, .how = "relative(8, 20, both=0)"},
      {.B = 2, .H = 2, .G = 1, .how = "shaw(2); causal"},
      {.B = 2, .H = 2, .G = 1, .how = "shaw(2, values=1); causal; dropout=0.2"},
      {.B = 1, .how = "shaw(1, values=1); sparsemax"},
      {.B = 2, .how = "dot; transformer_xl"},
      {.B = 1, .how = "softcap(1.5); sinks"},
      {.B = 2, .how = "talking; causal"},
      {.B = 1, .how = "block_mask(3); segment_ids"},
      {.B = 1, .how = "adaptive_span(5, ramp=3)"},
      {.B = 1, .how = "sparsemax"},
      {.B = 1, .how = "entmax15; causal; dropout=0.2"},
      {.B = 2, .how = "entmax(1.3); causal"},
      {.B = 1, .how = "sigmoid(-0.5); causal"},
  };
}

Tensors for_training(const Case& c) {
  auto t = make(c);
  t.inputs.training = true;
  t.inputs.seed = 11;
  return t;
}

TEST(AttendGradient, AgreesWithFiniteDifferences) {
  for (const auto& c : small_cases()) {
    const auto t = for_training(c);
    expect_gradients([&](const auto& leaves) { return attend(t.with(leaves)); }, t.leaves(),
                     describe(c));
  }
}

/// g(x) = sum over the leaves of grad f(x) . u, whose gradient is a second derivative of f.
at::Tensor first_gradient(const Tensors& t, const std::vector<at::Tensor>& leaves,
                          const at::Tensor& weight) {
  const torch::AutoGradMode record(true);
  std::vector<at::Tensor> inputs;
  for (const auto& x : leaves)
    inputs.push_back(x.requires_grad() ? x : x.detach().requires_grad_());
  const auto grads =
      torch::autograd::grad({attend(t.with(inputs))}, inputs, {weight}, true, /*create_graph=*/true,
                            /*allow_unused=*/true);
  auto sum = torch::zeros({}, at::kDouble);
  for (const auto& g : grads)
    if (g.defined())
      sum = sum + (g * torch::arange(1, g.numel() + 1, at::kDouble).view_as(g).sin()).sum();
  return sum;
}

TEST(AttendGradient, SecondDerivativesAgreeWithFiniteDifferences) {
  for (const auto& c : small_cases()) {
    const auto t = for_training(c);
    auto inputs = t.leaves();
    inputs.push_back(
        torch::randn({c.B, c.H, c.Lq, c.E}, at::kDouble));  // the gradient of the output too
    const auto f = [&](const std::vector<at::Tensor>& all) {
      const std::vector<at::Tensor> leaves(all.begin(), all.end() - 1);
      return first_gradient(t, leaves, all.back());
    };
    expect_gradients(f, inputs, describe(c));
  }
}

TEST(AttendGradient, OnlyWhatIsWantedIsComputed) {
  auto t = make({.bias = {5, 7}});
  t.k.requires_grad_();
  attend(t).sum().backward();
  EXPECT_TRUE(t.k.grad().defined());
  EXPECT_FALSE(t.q.grad().defined());
  EXPECT_FALSE(t.inputs.bias->grad().defined());
}

TEST(AttendGradient, WithoutGradModeNothingIsRecorded) {
  auto t = make({});
  t.q.requires_grad_();
  const torch::NoGradGuard no_gradient;
  EXPECT_FALSE(attend(t).requires_grad());
}

TEST(AttendGradient, AChangedInputIsNoticed) {
  auto t = make({});
  const auto q = t.q.clone().requires_grad_();
  auto doubled = q * 2;
  const auto out = attend(t.with({doubled, t.k, t.v}));
  doubled.add_(1);
  EXPECT_THROW(out.sum().backward(), c10::Error);
}

}  // namespace
}  // namespace heed::test
