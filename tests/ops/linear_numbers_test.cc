// linear_attend at numbers of every size, against formulas in float64 that are written apart from
// it: weights of pairs by their logarithms.
#include <gtest/gtest.h>

#include "autocast.h"
#include "heed/core/threads.h"
#include "ops/linear_cases.h"
#include "ops/linear_features.h"
#include "words.h"

namespace heed::test::linear_numbers {
namespace {

const double kInfinity = std::numeric_limits<double>::infinity();

/// (B, H, L, features) of x in float64.
at::Tensor logarithms(const at::Tensor& x, const LinearAttention& how) {
  if (how.feature == LinearFeature::elu) return at::where(x > 0, (x.clamp_min(0) + 1).log(), x);
  const auto w = favor_projection(how.features, x.size(3), how.seed);
  const auto y = x / std::pow(static_cast<double>(x.size(3)), 0.25);
  return at::matmul(y, w.t()) - y.square().sum(3, true) / 2 - std::log(how.features) / 2;
}

/// What each query makes of all keys, one logarithm per pair.
at::Tensor by_pairs(const LinearTensors& t) {
  const int64_t each = t.q.size(1) / t.k.size(1), L = t.k.size(2);
  const auto q = logarithms(t.q, t.how).unsqueeze(3);                             // (B,H,Lq,1,D)
  const auto k = logarithms(t.k.repeat_interleave(each, 1), t.how).unsqueeze(2);  // (B,H,1,L,D)
  const auto v = t.v.repeat_interleave(each, 1);
  auto logs = at::logsumexp(q + k, {4});  // (B, H, Lq, L)
  if (t.inputs.log_decay) {
    const auto c = t.inputs.log_decay->repeat_interleave(each, 1).cumsum(2);  // (B, H, L, 1)
    logs = logs + c - c.transpose(2, 3);
  }
  if (t.how.causal) logs = logs.masked_fill(at::ones({L, L}, at::kBool).triu(1), -kInfinity);
  return at::matmul(t.how.normalize ? logs.softmax(3) : logs.exp(), v);
}

LinearTensors of_size(const std::string& feature, double deviation, double shift, bool normalize,
                      bool causal, int64_t D = 64) {
  auto t = make({.B = 1,
                 .H = 4,
                 .L = 70,
                 .D = D,
                 .E = 5,
                 .feature = test::Word{feature},
                 .normalize = normalize,
                 .causal = causal});
  t.k = t.k * std::sqrt(static_cast<double>(D));
  t.how.features = feature == "favor" ? 32 : 0;
  for (auto* x : {&t.q, &t.k}) *x = *x * deviation + shift;
  return t;
}

struct Size {
  const char* feature;
  double deviation, shift, error;  ///< of float32, as the rounding of the exponents makes it
};
constexpr Size kSizes[] = {{"favor", 1, 0, 1e-5},   {"favor", 4, 0, 1e-4},  {"favor", 5, 0, 1e-4},
                           {"favor", 6, 0, 1e-4},   {"favor", 10, 0, 5e-4}, {"favor", 30, 0, 5e-3},
                           {"elu", 1, 0, 1e-6},     {"elu", 1, -10, 2e-6},  {"elu", 1, -17, 3e-6},
                           {"elu", 0.5, -40, 5e-6}, {"elu", 1, -80, 1e-5},  {"elu", 3, -1000, 1e-4},
                           {"elu", 30, 0, 1e-5}};

double error_of(const at::Tensor& given, const at::Tensor& expected) {
  const auto largest = expected.abs().max().item<double>();
  return (given.to(at::kDouble) - expected).abs().max().item<double>() / largest;
}

TEST(LinearNumbers, FeaturesOfAnySizeAreNormalized) {
  for (const auto& [feature, deviation, shift, error] : kSizes)
    for (const bool causal : {true, false}) {
      const auto t = of_size(feature, deviation, shift, true, causal);
      const auto expected = by_pairs(t);
      SCOPED_TRACE(testing::Message() << feature << " " << deviation << " " << shift << causal);
      EXPECT_LT(error_of(call(linear_attend, t.to(at::kFloat)).out, expected), error);
      EXPECT_LT(error_of(call(linear_attend, t).out, expected), 1e-5 * error);
    }
}

TEST(LinearNumbers, GradientsOfFeaturesOfAnySize) {
  for (const auto& [feature, deviation, shift, error] : kSizes)
    for (const bool causal : {true, false}) {
      const auto t = of_size(feature, deviation, shift, true, causal);
      const auto weight = at::randn(call(linear_attend, t).out.sizes(), at::kDouble);
      const auto gradients_of = [&](const LinearTensors& tensors, auto f) {
        std::vector<at::Tensor> leaves;
        for (const auto& x : tensors.leaves()) leaves.push_back(x.detach().requires_grad_());
        const auto out = f(tensors.with(leaves));
        return torch::autograd::grad({(out * weight.to(out.scalar_type())).sum()}, leaves);
      };
      const auto expected = gradients_of(t, by_pairs);
      const auto out = [](const LinearTensors& x) { return call(linear_attend, x).out; };
      const auto single = gradients_of(t.to(at::kFloat), out), given = gradients_of(t, out);
      for (size_t i = 0; i < expected.size(); ++i) {
        SCOPED_TRACE(testing::Message()
                     << feature << " " << deviation << " " << shift << causal << " leaf " << i);
        EXPECT_LT(error_of(single[i], expected[i]), 10 * error);
        EXPECT_LT(error_of(given[i], expected[i]), 1e-4 * error);
      }
    }
}

TEST(LinearNumbers, StepsAndPiecesCarryTheSizeOfFeatures) {
  for (const auto& [feature, deviation, shift, error] : kSizes) {
    const auto t = of_size(feature, deviation, shift, true, true).to(at::kFloat);
    const auto expected = call(linear_attend, t).out;
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      auto state = at::zeros_like(call(linear_attend, t).state, type);
      std::vector<at::Tensor> outs;
      for (int64_t first = 0, count = 30; first < 70; first += count, count = 1 + first % 2) {
        const bool ends = first + count > 70;
        const auto part = t.steps(first, ends ? 70 - first : count, state);
        const auto result = call(first == 0 ? linear_attend : linear_attend_step, part);
        outs.push_back(result.out), state = result.state;
      }
      SCOPED_TRACE(testing::Message()
                   << feature << " " << deviation << " " << shift << " " << type);
      EXPECT_LT(error_of(at::cat(outs, 2), expected.to(at::kDouble)),
                type == at::kFloat ? error : 0.1);
    }
  }
}

TEST(LinearNumbers, GradientsPassThroughTheStateOfLargeFeatures) {
  for (const auto& [feature, deviation, shift, error] : kSizes) {
    const auto t = of_size(feature, deviation, shift, true, true, 8);
    const auto weight = at::randn({1, 4, 70, 5}, at::kDouble);
    std::vector<at::Tensor> grads[2];
    for (const bool in_pieces : {false, true}) {
      std::vector<at::Tensor> leaves;
      for (const auto& x : t.leaves()) leaves.push_back(x.detach().requires_grad_());
      const auto all = t.with(leaves);
      at::Tensor out;
      if (in_pieces) {
        const auto first = call(linear_attend, all.steps(0, 30, {}));
        const auto second = call(linear_attend, all.steps(30, 40, first.state));
        out = at::cat({first.out, second.out}, 2);
      } else {
        out = by_pairs(all);
      }
      grads[in_pieces] = torch::autograd::grad({(out * weight).sum()}, leaves);
    }
    for (size_t i = 0; i < 3; ++i)
      EXPECT_LT(error_of(grads[1][i], grads[0][i]), 1e-4 * error)
          << feature << deviation << " " << i;
  }
}

TEST(LinearNumbers, SecondDerivativesOfFeaturesOfAnySize) {
  for (const auto& [feature, deviation, shift, error] : kSizes) {
    auto t = of_size(feature, deviation, shift, true, true, 8);
    t = t.steps(0, 6, {});
    std::vector<at::Tensor> seconds[2];
    for (const bool by_operator : {false, true}) {
      std::vector<at::Tensor> leaves;
      for (const auto& x : t.leaves()) leaves.push_back(x.detach().requires_grad_());
      const auto all = t.with(leaves);
      const auto out = by_operator ? call(linear_attend, all).out : by_pairs(all);
      auto sum = torch::zeros({}, at::kDouble);
      for (const auto& g : torch::autograd::grad({out.square().sum()}, leaves, {}, true, true))
        sum = sum + (g * torch::arange(1, g.numel() + 1, at::kDouble).view_as(g).sin()).sum();
      seconds[by_operator] = torch::autograd::grad({sum}, leaves);
    }
    for (size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(at::allclose(seconds[1][i], seconds[0][i], 0,
                               1e-3 * error * (1 + seconds[0][i].abs().max().item<double>())))
          << feature << deviation << " " << i;
  }
}

TEST(LinearNumbers, AStateOfZerosIsNoState) {
  auto t = of_size("favor", 6, 0, true, true).to(at::kFloat);
  const auto expected = call(linear_attend, t);
  t.inputs.state = at::zeros_like(expected.state);
  EXPECT_TRUE(torch::equal(call(linear_attend, t).out, expected.out));
}

TEST(LinearNumbers, WithoutNormalizationTheSizeIsThatOfTheFormula) {
  for (const auto& [feature, deviation, shift] : {std::tuple{"favor", 3.0, 0.0},
                                                  {"favor", 4.0, 0.0},
                                                  {"elu", 1.0, -30.0},
                                                  {"elu", 3.0, -42.0}})
    for (const bool causal : {true, false}) {
      auto t = of_size(feature, deviation, shift, false, causal, 16);
      t.v = t.v.abs();
      const auto expected = by_pairs(t);
      const auto given = call(linear_attend, t.to(at::kFloat)).out.to(at::kDouble);
      // Below the smallest normal numbers there is 0.
      EXPECT_TRUE(at::allclose(given, expected, 1e-3, 1e-36)) << feature << " " << deviation;
      EXPECT_LT(error_of(given, expected), 1e-4);
      EXPECT_LT(error_of(call(linear_attend, t).out, expected), 1e-11);
    }
}

TEST(LinearNumbers, DecaysAndSizesOfFeaturesMeet) {
  for (const auto& [feature, deviation, shift, error] : kSizes)
    for (const double strength : {0.05, 3.0, 40.0}) {
      auto t = of_size(feature, deviation, shift, true, true);
      t.how.rule = LinearRule::gated;
      t.inputs.log_decay = at::rand({1, 2, 70, 1}, at::kDouble) * -strength;
      const auto expected = by_pairs(t);
      SCOPED_TRACE(testing::Message()
                   << feature << " " << deviation << " " << shift << " " << strength);
      EXPECT_LT(error_of(call(linear_attend, t.to(at::kFloat)).out, expected), 2 * error);
      EXPECT_LT(error_of(call(linear_attend, t).out, expected), 1e-5 * error);
    }
}

TEST(LinearNumbers, EluOfNegativeNumbersIsTheirExponential) {
  LinearAttention how;
  how.feature = LinearFeature::elu;
  const auto x = torch::linspace(-87, 3, 5000, at::kDouble).requires_grad_();
  const auto expected = at::where(x > 0, x + 1, x.exp()).detach();
  const auto given = linear_features(x.to(at::kFloat), how);
  EXPECT_LT(((given - expected) / expected).abs().max().item<double>(), 5e-6);  // of x in float32
  const auto exact = linear_features(x, how);
  EXPECT_LT(((exact - expected) / expected).abs().max().item<double>(), 1e-15);
  const auto grad = torch::autograd::grad({exact.sum()}, {x})[0];
  EXPECT_LT(((grad - expected.clamp_max(1)) / expected.clamp_max(1)).abs().max().item<double>(),
            1e-15);
}

const char* const kRules[] = {"linear", "gated", "delta", "gated_delta"};

TEST(LinearNumbers, WhatIsNoNumberReachesNoEarlierStep) {
  for (const std::string rule : kRules)
    for (const bool by_channel : {true, false}) {
      const auto t = make({.B = 1,
                           .H = 4,
                           .L = 130,
                           .D = 8,
                           .rule = test::Word{rule},
                           .by_channel = by_channel})
                         .to(at::kFloat);
      const auto expected = call(linear_attend, t).out;
      const auto all = t.leaves();
      for (const int64_t at : {3, 23, 35, 47, 69, 100})
        for (const double value : {std::nan(""), kInfinity}) {
          for (size_t i = 0; i < all.size(); ++i) {
            auto leaves = all;
            leaves[i] = leaves[i].clone();
            leaves[i].narrow(2, at, 1).fill_(value);
            const auto given = call(linear_attend, t.with(leaves)).out;
            EXPECT_TRUE(close(given.narrow(2, 0, at), expected.narrow(2, 0, at), 1e-6, 1e-6))
                << rule << by_channel << " " << at << " " << value << " input " << i;
            if (i == 2) {
              EXPECT_FALSE(given.narrow(2, at, 1).isfinite().any().item<bool>());
            }
          }
        }
    }
}

TEST(LinearNumbers, BackwardWhatIsNoNumberReachesNoLaterStep) {
  for (const std::string rule : kRules)
    for (const bool by_channel : {true, false}) {
      const LinearCase c{
          .B = 1, .H = 4, .L = 130, .D = 8, .rule = test::Word{rule}, .by_channel = by_channel};
      const auto t = make(c).to(at::kFloat);
      const auto clean = weights_of(c, make(c));
      const auto expected = gradients(linear_attend, t, {clean.out, at::zeros_like(clean.state)});
      for (const int64_t at : {3, 23, 40, 69, 100}) {
        const LinearResult weight{clean.out.clone(), at::zeros_like(clean.state)};
        weight.out.select(2, at).fill_(std::nan(""));
        const auto given = gradients(linear_attend, t, weight);
        for (size_t i = 0; i < given.size(); ++i) {
          const int64_t rest = 130 - at - 1;
          EXPECT_TRUE(
              torch::equal(given[i].narrow(2, at + 1, rest), expected[i].narrow(2, at + 1, rest)))
              << rule << by_channel << " " << at << " leaf " << i;
        }
      }
    }
}

at::Tensor decay_gradient(const LinearTensors& t, const at::Tensor& weight,
                          bool by_formula = false) {
  std::vector<at::Tensor> leaves;
  for (const auto& x : t.leaves()) leaves.push_back(x.detach().requires_grad_());
  const auto out = call(by_formula ? linear_attend_reference : linear_attend, t.with(leaves)).out;
  return torch::autograd::grad({out}, {leaves[3]}, {weight.to(out.scalar_type())})[0].to(
      at::kDouble);
}

TEST(LinearNumbers, GradientsOfStrongDecaysAreAsExactAsOfWeak) {
  for (const std::string rule : {"gated", "gated_delta"})
    for (const bool by_channel : {true, false})
      for (const double decay : {-0.01, -1.0, -5.0, -10.0, -15.0, -30.0}) {
        auto t = make(
            {.B = 1, .H = 4, .L = 70, .D = 8, .rule = test::Word{rule}, .by_channel = by_channel});
        t.inputs.log_decay = at::full_like(*t.inputs.log_decay, decay);
        const auto weight = at::randn(call(linear_attend, t).out.sizes(), at::kDouble);
        const auto expected = decay_gradient(t, weight, true);
        SCOPED_TRACE(testing::Message() << rule << by_channel << " " << decay);
        EXPECT_LT(error_of(decay_gradient(t.to(at::kFloat), weight), expected), 1.5e-6);
        EXPECT_LT(error_of(decay_gradient(t, weight), expected), 1e-13);
      }
}

TEST(LinearNumbers, OneStrongDecayAmongWeakOnesHasItsGradient) {
  for (const bool by_channel : {true, false}) {
    auto t = make(
        {.B = 1, .H = 4, .L = 130, .D = 8, .rule = LinearRule::gated, .by_channel = by_channel});
    t = t.with({t.q.abs(), t.k.abs(), t.v.abs(), t.inputs.log_decay->clone()});  // nothing cancels
    for (const int64_t step : {5, 40, 64, 100}) t.inputs.log_decay->select(2, step).fill_(-20);
    const auto weight = at::rand(call(linear_attend, t).out.sizes(), at::kDouble);
    const auto expected = decay_gradient(t, weight, true);
    const auto given = decay_gradient(t.to(at::kFloat), weight);
    // The first step decays a state of zeros.
    const auto off = ((given - expected) / expected).narrow(2, 1, 129).abs().max().item<double>();
    EXPECT_LT(off, 1e-5) << by_channel;
  }
}

TEST(LinearNumbers, LongSequencesAddUpExactly) {
  constexpr int64_t kLong = 32768;
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const auto x = at::full({1, 1, kLong, 8}, 0.3, options);
  const auto v = at::full({1, 1, kLong, 1}, 1.1, options).requires_grad_();
  const double value = v[0][0][0][0].item<double>();
  for (const bool causal : {true, false}) {
    LinearAttention how;
    how.causal = causal;
    const auto result = linear_attend(x, x, v, how);
    const double weight = 8 * std::pow(x[0][0][0][0].item<double>(), 2) / std::sqrt(8.0);
    const auto last = result.out[0][0][kLong - 1][0].item<double>();
    EXPECT_NEAR(last / (weight * value * kLong), 1, 1e-5) << causal;
    const auto grad = torch::autograd::grad({result.out.sum()}, {v})[0];
    EXPECT_NEAR(grad[0][0][0][0].item<double>() / (weight * kLong), 1, 1e-5) << causal;
    for (const char* feature : {"elu", "favor"}) {
      how.feature = test::Word{feature}, how.normalize = true;
      const auto mean = linear_attend(x, x, v, how).out.detach().to(at::kDouble);
      EXPECT_LT((mean / value - 1).abs().max().item<double>(), 1e-5) << causal << feature;
    }
  }
}

TEST(LinearNumbers, FeaturesAndAllKeysHaveTheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const std::string feature : {"none", "elu", "favor"})
    for (const bool causal : {true, false})
      for (const double deviation : {1.0, 6.0}) {
        auto t = make({.H = 4,
                       .L = 500,
                       .D = 64,
                       .E = 64,
                       .feature = test::Word{feature},
                       .normalize = feature != "none",
                       .causal = causal})
                     .to(at::kFloat);
        t.how.features = feature == "favor" ? 256 : 0;
        t.q = t.q * deviation, t.k = t.k * (8 * deviation);
        std::vector<at::Tensor> expected;
        for (const int threads : {1, 2, 3}) {
          set_num_threads(threads);
          const auto result = call(linear_attend, t);
          auto given = gradients(linear_attend, t, {result.out, result.state});
          given.push_back(result.out), given.push_back(result.state);
          if (expected.empty()) expected = given;
          for (size_t i = 0; i < given.size(); ++i)
            EXPECT_TRUE(torch::equal(given[i], expected[i]))
                << feature << causal << " " << deviation << " " << threads << " " << i;
        }
      }
  set_num_threads(before);
}

TEST(LinearNumbers, UnderAutocastTheNumbersAreThoseWithout) {
  const int before = num_threads();
  for (auto c : random_linear_cases(80)) {
    if (c.B == 0 || c.L == 0) continue;
    const auto t = make(c).to(at::kFloat);
    const auto weight = weights_of(c, make(c));
    auto expected = gradients(linear_attend, t, weight);
    const auto result = call(linear_attend, t);
    expected.push_back(result.out), expected.push_back(result.state);
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      const Autocast on;
      auto given = gradients(linear_attend, t, weight);
      const auto cast = call(linear_attend, t);
      given.push_back(cast.out), given.push_back(cast.state);
      for (size_t i = 0; i < given.size(); ++i) {
        ASSERT_EQ(given[i].defined(), expected[i].defined());
        EXPECT_TRUE(!given[i].defined() || torch::equal(given[i], expected[i]))
            << describe(c) << " " << i;
      }
      if (c.causal && threads == 1) {
        EXPECT_EQ(call(linear_attend_step, t).out.scalar_type(), at::kFloat);
      }
    }
  }
  set_num_threads(before);
}

TEST(LinearNumbers, UnderAutocastDtypesMayDiffer) {
  const auto t = make({.rule = LinearRule::gated_delta}).to(at::kFloat);
  const Autocast on;
  auto mixed = t;
  mixed.k = t.k.to(at::kBFloat16), mixed.v = t.v.to(at::kBFloat16);
  auto same = t;
  same.k = mixed.k.to(at::kFloat), same.v = mixed.v.to(at::kFloat);
  EXPECT_TRUE(torch::equal(call(linear_attend, mixed).out, call(linear_attend, same).out));
}

/// Where ReLU left zeros, features learn in every dtype and with every LibTorch.
TEST(LinearNumbers, EluHasTheDerivativeOneAtZero) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const auto x = torch::tensor({-1.0, 0.0, 2.0}, type).requires_grad_();
    ops::elu_features(x).sum().backward();
    EXPECT_TRUE(x.grad()
                    .to(at::kDouble)
                    .allclose(torch::tensor({std::exp(-1.0), 1.0, 1.0}, at::kDouble), 1e-2, 1e-2))
        << x.grad();
  }
}

}  // namespace
}  // namespace heed::test::linear_numbers
