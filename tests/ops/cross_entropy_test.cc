// linear_cross_entropy against its formula in float64, LibTorch's own loss, and its promises.
#include "heed/ops/cross_entropy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

constexpr double kNoBound = std::numeric_limits<double>::infinity();

struct LossCase {
  int64_t N = 7, M = 5, V = 11;
  bool bias = true;
  double smoothing = 0;
  double ignored = 0.3;  ///< the part of the rows
  double scale = 1;      ///< of hidden: large logits
};

std::ostream& operator<<(std::ostream& stream, const LossCase& c) {
  return stream << "N=" << c.N << " M=" << c.M << " V=" << c.V << " bias=" << c.bias
                << " smoothing=" << c.smoothing << " ignored=" << c.ignored << " scale=" << c.scale;
}

struct LossTensors {
  std::vector<at::Tensor> leaves;  // hidden, weight, and bias where there is one
  at::Tensor labels;
  CrossEntropyOptions options;

  LossTensors to(at::ScalarType type) const {
    auto t = *this;
    for (auto& leaf : t.leaves) leaf = leaf.to(type);
    return t;
  }
};

LossTensors make_loss(const LossCase& c, uint64_t seed = 1) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  LossTensors t;
  t.leaves = {at::randn({c.N, c.M}, generator, options) * c.scale,
              at::randn({c.V, c.M}, generator, options)};
  if (c.bias) t.leaves.push_back(at::randn({c.V}, generator, options));
  t.labels = at::randint(c.V, {c.N}, generator, at::kLong);
  t.labels.masked_fill_(at::rand({c.N}, generator, options) < c.ignored, -100);
  t.options.label_smoothing = c.smoothing;
  return t;
}

using LossOperator = decltype(&linear_cross_entropy);

CrossEntropy loss_of(LossOperator f, const LossTensors& t) {
  return f(t.leaves[0], t.leaves[1], t.leaves.size() > 2 ? t.leaves[2] : at::Tensor(), t.labels,
           t.options);
}

/// Of 0.5 loss, so that the factor from above is not 1.
std::vector<at::Tensor> loss_gradients(LossOperator f, LossTensors t,
                                       CrossEntropy* result = nullptr) {
  for (auto& leaf : t.leaves) leaf = leaf.detach().requires_grad_();
  const auto found = loss_of(f, t);
  if (result) *result = found;
  return torch::autograd::grad({0.5 * found.loss}, t.leaves);
}

std::vector<LossCase> loss_cases() {
  std::vector<LossCase> all;
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    for (const bool bias : {true, false})
      for (const int64_t V : {1, 2, 3, 7, 8, 9, 16, 31, 33, 100, 2049, 4100})
        all.push_back({.V = V, .bias = bias, .smoothing = smoothing});
    all.push_back({.N = 0, .smoothing = smoothing});
    all.push_back({.N = 1, .smoothing = smoothing, .ignored = 0});
    all.push_back({.smoothing = smoothing, .ignored = 1});
    all.push_back({.N = 40, .M = 1, .smoothing = smoothing, .ignored = 0});
    all.push_back({.N = 20, .V = 60, .smoothing = smoothing, .scale = 300});
  }
  return all;
}

TEST(CrossEntropy, ForwardAndBackwardFollowTheFormula) {
  for (const auto& c : loss_cases()) {
    const auto t = make_loss(c);
    CrossEntropy expected;
    const auto expected_grads = loss_gradients(linear_cross_entropy_reference, t, &expected);
    for (const auto type : {at::kDouble, at::kFloat}) {
      const double tolerance = type == at::kDouble ? 1e-12 : 2e-6 * std::max(1.0, c.scale);
      CrossEntropy found;
      const auto grads = loss_gradients(linear_cross_entropy, t.to(type), &found);
      EXPECT_EQ(found.loss.scalar_type(), type);
      const double size = 1 + std::abs(expected.loss.item<double>());
      EXPECT_NEAR(found.loss.item<double>(), expected.loss.item<double>(), tolerance * size) << c;
      EXPECT_NEAR(found.nll, expected.nll, tolerance * size) << c;
      EXPECT_EQ(found.count, expected.count) << c;
      EXPECT_EQ(found.right, expected.right) << c;
      for (size_t i = 0; i < grads.size(); ++i)
        EXPECT_TRUE(close(grads[i], expected_grads[i], 10 * tolerance, 10 * tolerance))
            << c << " leaf " << i << " " << type;
      const torch::NoGradGuard no_gradient;
      const auto again = loss_of(linear_cross_entropy, t.to(type));
      EXPECT_EQ(again.loss.item<double>(), found.loss.item<double>()) << c;
      EXPECT_EQ(again.nll, found.nll) << c;
    }
  }
}

TEST(CrossEntropy, IsWhatLibTorchComputes) {
  namespace F = torch::nn::functional;
  for (const double smoothing : {0.0, 0.1}) {
    const auto t = make_loss({.N = 50, .V = 37, .smoothing = smoothing});
    const auto logits = torch::linear(t.leaves[0], t.leaves[1], t.leaves[2]);
    const auto expected = F::cross_entropy(
        logits, t.labels,
        F::CrossEntropyFuncOptions().reduction(torch::kSum).label_smoothing(smoothing));
    const auto found = loss_of(linear_cross_entropy, t);
    EXPECT_TRUE(close(found.loss, expected, 1e-12, 1e-12));
    const auto hit = (logits.argmax(1) == t.labels).sum().item<int64_t>();
    EXPECT_EQ(found.right, hit);
  }
}

TEST(CrossEntropy, ChunksJoinWithoutASeam) {
  // A chunk of 33 000 classes in float64 has 64 rows.
  for (const int64_t N : {63, 64, 65, 129}) {
    for (const double ignored : {0.0, 0.2}) {
      const auto t = make_loss({.N = N, .M = 2, .V = 33'000, .smoothing = 0.1, .ignored = ignored});
      CrossEntropy expected, found;
      const auto expected_grads = loss_gradients(linear_cross_entropy_reference, t, &expected);
      const auto grads = loss_gradients(linear_cross_entropy, t, &found);
      EXPECT_TRUE(close(found.loss, expected.loss, 0, 1e-12)) << N;
      EXPECT_EQ(found.right, expected.right);
      for (size_t i = 0; i < grads.size(); ++i)
        EXPECT_TRUE(close(grads[i], expected_grads[i], 1e-11, 1e-10)) << N << " leaf " << i;
    }
  }
}

TEST(CrossEntropy, GradientsOfSomeLeavesAlone) {
  const auto t = make_loss({.smoothing = 0.1});
  const auto expected = loss_gradients(linear_cross_entropy_reference, t);
  for (size_t wanted = 0; wanted < 3; ++wanted) {
    auto some = t;
    some.leaves[wanted] = some.leaves[wanted].detach().requires_grad_();
    const auto loss = loss_of(linear_cross_entropy, some).loss;
    const auto grad = torch::autograd::grad({0.5 * loss}, {some.leaves[wanted]})[0];
    EXPECT_TRUE(close(grad, expected[wanted], 1e-12, 1e-12)) << wanted;
  }
}

TEST(CrossEntropy, ATiedWeightGetsBothGradients) {
  const auto t = make_loss({.N = 9, .V = 11, .smoothing = 0.1});
  const auto tokens = at::arange(9, at::kLong);
  at::Tensor found[2];
  const LossOperator operators[] = {linear_cross_entropy, linear_cross_entropy_reference};
  for (int i = 0; i < 2; ++i) {
    auto weight = t.leaves[1].detach().clone().requires_grad_();
    const auto hidden = torch::tanh(torch::embedding(weight, tokens));
    operators[i](hidden, weight, {}, t.labels, t.options).loss.backward();
    found[i] = weight.grad();
  }
  EXPECT_TRUE(close(found[0], found[1], 1e-12, 1e-12));
}

TEST(CrossEntropy, SecondDerivativesFollowTheFormula) {
  for (const double smoothing : {0.0, 0.1}) {
    std::vector<at::Tensor> seconds[2];
    const LossOperator operators[] = {linear_cross_entropy, linear_cross_entropy_reference};
    for (int i = 0; i < 2; ++i) {
      auto t = make_loss({.smoothing = smoothing});
      for (auto& leaf : t.leaves) leaf.requires_grad_();
      const auto loss = loss_of(operators[i], t).loss;
      auto sum = torch::zeros({}, at::kDouble);
      for (const auto& g : torch::autograd::grad({loss.square()}, t.leaves, {}, {}, true))
        sum = sum + (g * torch::arange(1, g.numel() + 1, at::kDouble).view_as(g).sin()).sum();
      seconds[i] = torch::autograd::grad({sum}, t.leaves);
    }
    for (size_t i = 0; i < seconds[0].size(); ++i)
      EXPECT_TRUE(close(seconds[0][i], seconds[1][i], 1e-10, 1e-10)) << "leaf " << i;
  }
}

/// Logits are given as the bias, for a hidden of zeros.
CrossEntropy loss_of_logits(std::vector<double> logits, int64_t label, double smoothing,
                            at::Tensor* grad = nullptr) {
  const auto V = static_cast<int64_t>(logits.size());
  auto bias = at::tensor(logits, at::kFloat).requires_grad_();
  const auto zero = at::zeros({1, 1}, at::kFloat);
  const auto result = linear_cross_entropy(zero, at::zeros({V, 1}, at::kFloat), bias,
                                           at::tensor({label}), {.label_smoothing = smoothing});
  if (grad) *grad = torch::autograd::grad({result.loss}, {bias})[0];
  return result;
}

TEST(CrossEntropy, LogitsAtTheEndsOfTheirRange) {
  at::Tensor grad;
  const auto large = loss_of_logits({1e30, 0, -1e30}, 0, 0, &grad);
  EXPECT_EQ(large.nll, 0);
  EXPECT_TRUE(at::equal(grad, at::zeros({3})));
  EXPECT_EQ(loss_of_logits({30000, 29999, 0}, 1, 0).right, 0);
  EXPECT_NEAR(loss_of_logits({30000, 29999, 0}, 1, 0).nll, 1.3132616875, 1e-6);
  const auto hidden = loss_of_logits({-kNoBound, 0, -kNoBound, 0}, 1, 0, &grad);
  EXPECT_NEAR(hidden.nll, std::log(2.0), 1e-6);
  EXPECT_TRUE(close(grad, at::tensor({0.0, -0.5, 0.0, 0.5}), 1e-6, 0));
  EXPECT_EQ(loss_of_logits({-kNoBound, 0}, 0, 0).nll, kNoBound);
  EXPECT_EQ(loss_of_logits({-kNoBound, 0}, 1, 0.1).loss.item<double>(), kNoBound);
  const double nan = std::nan("");
  for (const auto& logits : std::vector<std::vector<double>>{
           {nan, 1}, {1, nan}, {kNoBound, 0}, {-kNoBound, -kNoBound}}) {
    const auto broken = loss_of_logits(logits, 0, 0, &grad);
    EXPECT_TRUE(std::isnan(broken.nll));
    EXPECT_TRUE(std::isnan(broken.loss.item<double>()));
    EXPECT_TRUE(grad.isnan().all().item<bool>());
    EXPECT_EQ(broken.right, 0);
  }
  std::vector<double> wide(100, 0.0);
  for (const size_t place : {0, 1, 31, 32, 63, 64, 96, 97, 99}) {
    auto logits = wide;
    logits[place] = nan;
    EXPECT_TRUE(std::isnan(loss_of_logits(logits, 5, 0.1).nll)) << place;
  }
}

TEST(CrossEntropy, LogitsThatMoveTogetherChangeNothing) {
  const double lowest = std::numeric_limits<float>::lowest();
  for (const double smoothing : {0.0, 0.1}) {
    at::Tensor expected, grad;
    const double at_zero = loss_of_logits({0, 0, 0, 0}, 1, smoothing, &expected).nll;
    for (const double shift : {-1e4, -1e9, -1e20, -1e30, lowest, 1e4, 1e9, 1e30, -lowest}) {
      const auto found = loss_of_logits({shift, shift, shift, shift}, 1, smoothing, &grad);
      EXPECT_EQ(found.nll, at_zero) << shift;
      EXPECT_TRUE(at::equal(grad, expected)) << shift;
    }
    // Steps of 1/8 are as fine as float32 has them beside 2^20.
    const double near = loss_of_logits({0, 0.125, -20.5, -80}, 3, smoothing, &expected).nll;
    const double far = 1 << 20;
    const auto found =
        loss_of_logits({far, far + 0.125, far - 20.5, far - 80}, 3, smoothing, &grad);
    EXPECT_EQ(found.nll, near);
    EXPECT_TRUE(at::equal(grad, expected));
  }
  EXPECT_EQ(loss_of_logits({lowest, -lowest}, 0, 0).nll, -2 * lowest);
  EXPECT_EQ(loss_of_logits({-kNoBound, 0}, 0, 1).loss.item<double>(), kNoBound);
}

TEST(CrossEntropy, TheGradientOfLogitsIsTheirSoftmax) {
  // Every class alone, from 0 to where float32 has no e^x left: well within the rounding of x.
  std::vector<double> logits;
  for (int j = 0; j < 900; ++j) logits.push_back(-0.097 * j);
  at::Tensor grad;
  loss_of_logits(logits, 899, 0, &grad);
  const auto x = at::tensor(logits, at::kFloat).to(at::kDouble);
  const auto p = at::softmax(x, 0), found = grad.to(at::kDouble);
  for (int64_t j = 0; j < 899; ++j) {
    const double exact = p[j].item<double>(), allowed = 4e-7 - 1.5e-8 * x[j].item<double>();
    EXPECT_NEAR(found[j].item<double>() / exact, 1, allowed) << j;
  }
}

TEST(CrossEntropy, TheGradientOfTheBiasOverManyRows) {
  const auto relative = [](const at::Tensor& x, const at::Tensor& exact) {
    return ((x.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
  };
  for (const double smoothing : {0.0, 0.1}) {
    for (const int64_t V : {10, 33, 40'000}) {
      for (const bool equal : {true, false}) {
        const int64_t N = V < 100 ? 20'000 : 700;
        auto t = make_loss({.N = N, .M = 3, .V = V, .smoothing = smoothing, .ignored = 0});
        t = t.to(at::kFloat);
        if (equal) {
          t.leaves[0] = t.leaves[0].narrow(0, 0, 1).expand({N, 3}).contiguous();
          t.labels.fill_(3);
        }
        const auto exact = loss_gradients(linear_cross_entropy, t.to(at::kDouble))[2];
        EXPECT_LE(relative(loss_gradients(linear_cross_entropy, t)[2], exact), 5e-7)
            << V << " " << smoothing << " " << equal;
      }
    }
  }
}

TEST(CrossEntropy, ASumOfLossesBeyondTheRangeIsInfinite) {
  const auto hidden = at::zeros({4, 1}), weight = at::zeros({2, 1});
  const auto labels = at::ones({4}, at::kLong);
  auto bias = at::tensor({2e38F, 0.F}).requires_grad_();
  const auto found = linear_cross_entropy(hidden, weight, bias, labels);
  EXPECT_EQ(found.loss.item<float>(), static_cast<float>(kNoBound));
  EXPECT_NEAR(found.nll / 8e38, 1, 1e-6);
  const auto grad = torch::autograd::grad({found.loss}, {bias})[0];
  EXPECT_TRUE(at::equal(grad, at::tensor({4.F, -4.F})));
  const torch::NoGradGuard no_gradient;
  EXPECT_EQ(linear_cross_entropy(hidden, weight, bias, labels).loss.item<float>(),
            static_cast<float>(kNoBound));
}

TEST(CrossEntropy, UnderAutocastItHasTheDtypeOfTheWeight) {
  const int before = num_threads();
  const auto t = make_loss({.N = 700, .M = 64, .V = 800, .smoothing = 0.1}).to(at::kFloat);
  auto expected = loss_gradients(linear_cross_entropy, t);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    auto given = t;
    given.leaves[0] = t.leaves[0].to(at::kBFloat16).to(type);
    if (type == at::kFloat) expected = loss_gradients(linear_cross_entropy, given);
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const c10::impl::IncludeDispatchKeyGuard on(c10::DispatchKey::AutocastCPU);
      c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false);
      CrossEntropy result;
      const auto grads = loss_gradients(linear_cross_entropy, given, &result);
      const auto formula = loss_of(linear_cross_entropy_reference, t).loss;
      c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true);
      EXPECT_EQ(result.loss.scalar_type(), at::kFloat);
      EXPECT_EQ(formula.scalar_type(), at::kFloat);
      EXPECT_TRUE(close(formula, loss_of(linear_cross_entropy_reference, t).loss, 0, 1e-6));
      EXPECT_EQ(grads[0].scalar_type(), type);
      EXPECT_TRUE(at::equal(grads[0], expected[0].to(type))) << type << " " << threads;
      EXPECT_TRUE(at::equal(grads[1], expected[1])) << type << " " << threads;
      EXPECT_TRUE(at::equal(grads[2], expected[2])) << type << " " << threads;
    }
  }
  set_num_threads(before);
}

TEST(CrossEntropy, TheFirstOfEqualLogitsIsTheAnswer) {
  EXPECT_EQ(loss_of_logits({1, 2, 2, 0}, 1, 0).right, 1);
  EXPECT_EQ(loss_of_logits({1, 2, 2, 0}, 2, 0).right, 0);
}

TEST(CrossEntropy, WhatAnIgnoredRowHoldsReachesNothing) {
  auto t = make_loss({.N = 6, .ignored = 0});
  t.labels[2] = -100, t.labels[5] = -100;
  const auto expected = loss_gradients(linear_cross_entropy, t);
  t.leaves[0][2] = std::nan(""), t.leaves[0][5] = kNoBound;
  const auto grads = loss_gradients(linear_cross_entropy, t);
  for (size_t i = 0; i < grads.size(); ++i)
    EXPECT_TRUE(torch::equal(grads[i], expected[i])) << "leaf " << i;
  EXPECT_EQ(grads[0][2].abs().sum().item<double>(), 0);
}

TEST(CrossEntropy, AnotherNumberMayBeIgnored) {
  auto t = make_loss({.ignored = 0});
  t.labels[0] = 3, t.options.ignore = 3;
  const auto found = loss_of(linear_cross_entropy, t);
  EXPECT_EQ(found.count, 7 - (t.labels == 3).sum().item<int64_t>());
  EXPECT_TRUE(close(found.loss, loss_of(linear_cross_entropy_reference, t).loss, 1e-12, 1e-12));
}

TEST(CrossEntropy, AnyLayout) {
  const auto t = make_loss({.N = 12, .M = 6, .V = 10});
  auto turned = t;
  turned.leaves[0] = t.leaves[0].t().contiguous().t();
  turned.leaves[1] = at::cat({t.leaves[1], t.leaves[1]}, 1).narrow(1, 6, 6);
  turned.labels = at::stack({t.labels, t.labels}, 1).select(1, 0);
  const auto expected = loss_gradients(linear_cross_entropy, t);
  const auto grads = loss_gradients(linear_cross_entropy, turned);
  for (size_t i = 0; i < grads.size(); ++i)
    EXPECT_TRUE(close(grads[i], expected[i], 1e-12, 1e-12)) << "leaf " << i;
}

TEST(CrossEntropy, AnyNumberOfThreadsGivesTheSameBits) {
  const int before = num_threads();
  for (const int64_t V : {1, 37, 8000}) {
    const auto t = make_loss({.N = 700, .M = 64, .V = V, .smoothing = 0.1}).to(at::kFloat);
    std::vector<at::Tensor> expected;
    for (const int threads : {1, 2, 3, 2}) {
      set_num_threads(threads);
      CrossEntropy result;
      auto found = loss_gradients(linear_cross_entropy, t, &result);
      found.push_back(result.loss), found.push_back(at::scalar_tensor(result.nll, at::kDouble));
      if (expected.empty()) expected = found;
      for (size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(torch::equal(found[i], expected[i])) << V << " " << threads << " " << i;
    }
  }
  set_num_threads(before);
}

std::string loss_refusal(const std::function<void(LossTensors&)>& break_it) {
  auto t = make_loss({.ignored = 0});
  break_it(t);
  try {
    loss_of(linear_cross_entropy, t);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(CrossEntropy, WrongArgumentsAreNamed) {
  using testing::HasSubstr;
  EXPECT_THAT(
      loss_refusal([](auto& t) { t.labels[3] = 11; }),
      testing::AllOf(HasSubstr("labels[3]"), HasSubstr("given 11"), HasSubstr("V - 1 = 10")));
  EXPECT_THAT(loss_refusal([](auto& t) { t.labels[6] = -1; }), HasSubstr("labels[6]"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.labels = t.labels.to(at::kInt); }), HasSubstr("int64"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.labels = t.labels.slice(0, 1); }),
              HasSubstr("(N) = [7]"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[0] = t.leaves[0].to(at::kHalf); }),
              HasSubstr("hidden: expected dtype"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[1] = t.leaves[1].to(at::kFloat); }),
              HasSubstr("weight: expected the dtype of hidden"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[1] = t.leaves[1].slice(1, 1); }),
              HasSubstr("M=5"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[1] = t.leaves[1].slice(0, 0, 0); }),
              HasSubstr("at least one row"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[2] = t.leaves[2].slice(0, 1); }),
              HasSubstr("bias"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.leaves[0] = at::Tensor(); }), HasSubstr("hidden"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.options.label_smoothing = 1.5; }),
              HasSubstr("given 1.5"));
  EXPECT_THAT(loss_refusal([](auto& t) { t.options.label_smoothing = std::nan(""); }),
              HasSubstr("label_smoothing"));
}

}  // namespace
}  // namespace heed::test
