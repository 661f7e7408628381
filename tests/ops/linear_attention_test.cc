// linear_attend against its formula in float64, and its promises.
#include <gtest/gtest.h>
#include <torch/library.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "ops/linear_cases.h"
#include "words.h"

namespace heed::test {
namespace {

struct LinearTolerance {
  at::ScalarType type;
  double atol, rtol;
};

constexpr LinearTolerance kLinearForward[] = {{at::kDouble, 1e-11, 1e-10},
                                              {at::kFloat, 1e-5, 1e-5}};
constexpr LinearTolerance kLinearBackward[] = {{at::kDouble, 1e-10, 1e-9},
                                               {at::kFloat, 2e-4, 2e-4}};

TEST(LinearAttend, ForwardFollowsTheFormula) {
  for (const auto& c : random_linear_cases(250)) {
    const auto t = make(c);
    const auto expected = call(linear_attend_reference, t);
    for (const auto& [type, atol, rtol] : kLinearForward) {
      const auto given = call(linear_attend, t.to(type));
      EXPECT_EQ(given.out.scalar_type(), type);
      EXPECT_EQ(given.state.scalar_type(), type);
      EXPECT_TRUE(close(given.out, expected.out, atol, rtol)) << describe(c) << " " << type;
      EXPECT_TRUE(close(given.state, expected.state, atol, rtol)) << describe(c) << " " << type;
    }
  }
}

TEST(LinearAttend, BackwardFollowsTheFormula) {
  for (const auto& c : random_linear_cases(150)) {
    const auto t = make(c);
    const auto weight = weights_of(c, t);
    const auto expected = gradients(linear_attend_reference, t, weight);
    for (const auto& [type, atol, rtol] : kLinearBackward) {
      const auto grads = gradients(linear_attend, t.to(type), weight);
      for (size_t i = 0; i < grads.size(); ++i) {
        const auto zeros = torch::zeros_like(t.leaves()[i]);
        const auto grad = grads[i].defined() ? grads[i] : zeros;
        EXPECT_TRUE(close(grad, expected[i].defined() ? expected[i] : zeros, atol, rtol))
            << describe(c) << " leaf " << i << " " << type;
      }
    }
  }
}

TEST(LinearAttend, OneResultAloneHasItsGradients) {
  const LinearCase c{.L = 70, .rule = LinearRule::gated_delta, .state = true};
  const auto t = make(c);
  auto weight = weights_of(c, t);
  for (const bool of_out : {true, false}) {
    auto only = weight;
    (of_out ? only.state : only.out) = torch::zeros_like(of_out ? weight.state : weight.out);
    const auto expected = gradients(linear_attend_reference, t, only);
    std::vector<at::Tensor> leaves;
    for (const auto& leaf : t.leaves()) leaves.push_back(leaf.detach().requires_grad_());
    const auto result = call(linear_attend, t.with(leaves));
    const auto loss = of_out ? (result.out * only.out).sum() : (result.state * only.state).sum();
    const auto grads = torch::autograd::grad({loss}, leaves, {}, {}, false, true);
    for (size_t i = 0; i < grads.size(); ++i)
      EXPECT_TRUE(close(grads[i], expected[i], 1e-10, 1e-9)) << "leaf " << i;
  }
}

TEST(LinearAttend, SecondDerivativesFollowTheFormula) {
  for (const std::string rule : {"linear", "gated", "delta", "gated_delta"}) {
    const LinearCase c{.H = 4, .L = 5, .D = 3, .E = 2, .rule = test::Word{rule}, .state = true};
    const auto t = make(c);
    const auto weight = weights_of(c, t);
    std::vector<at::Tensor> seconds[2];
    const LinearOperator operators[] = {linear_attend, linear_attend_reference};
    for (int i = 0; i < 2; ++i) {
      std::vector<at::Tensor> leaves;
      auto sum = torch::zeros({}, at::kDouble);
      for (const auto& g : gradients(operators[i], t, weight, true, &leaves))
        sum = sum + (g * torch::arange(1, g.numel() + 1, at::kDouble).view_as(g).sin()).sum();
      seconds[i] = torch::autograd::grad({sum}, leaves, {}, {}, false, true);
    }
    for (size_t i = 0; i < seconds[0].size(); ++i)
      EXPECT_TRUE(close(seconds[0][i], seconds[1][i], 1e-11, 1e-10)) << rule << " leaf " << i;
  }
}

TEST(LinearAttend, StrongDecaysNeitherOverflowNorForgetWhatFollows) {
  for (const bool by_channel : {true, false}) {
    for (const double first : {-20.0, -1000.0, -1e9, -std::numeric_limits<double>::infinity()}) {
      auto t = make({.L = 100,
                     .D = 8,
                     .rule = LinearRule::gated_delta,
                     .by_channel = by_channel,
                     .strength = 0.01,
                     .state = true});
      // Every tenth step forgets almost all, those between almost nothing; channels differ.
      const auto decay = t.inputs.log_decay->clone();
      decay.slice(2, 0, 100, 10).slice(3, 0, 8, 2).fill_(first);
      t.inputs.log_decay = decay;
      const auto expected = call(linear_attend_reference, t);
      const auto given = call(linear_attend, t.to(at::kFloat));
      EXPECT_TRUE(close(given.out, expected.out, 2e-6, 1e-5)) << by_channel << " " << first;
      EXPECT_TRUE(close(call(linear_attend, t).out, expected.out, 1e-12, 1e-11)) << first;
    }
    const LinearCase every{
        .L = 130, .D = 8, .rule = LinearRule::gated, .by_channel = by_channel, .strength = 20};
    const auto t = make(every);
    const auto expected = call(linear_attend_reference, t);
    EXPECT_TRUE(close(call(linear_attend, t.to(at::kFloat)).out, expected.out, 1e-6, 1e-5));
  }
}

TEST(LinearAttend, StepsGiveTheSameNumbers) {
  for (const auto& c : random_linear_cases(60)) {
    if (!c.causal) continue;
    const auto t = make(c);
    const auto expected = call(linear_attend, t);
    std::vector<at::Tensor> outs;
    at::Tensor state = t.inputs.state.value_or(at::Tensor());
    for (int64_t first = 0; first < c.L;) {
      const int64_t count = std::min<int64_t>(first % 3 + 1, c.L - first);
      const auto step = call(linear_attend_step, t.steps(first, count, state));
      outs.push_back(step.out), state = step.state, first += count;
    }
    if (outs.empty()) continue;
    EXPECT_TRUE(close(at::cat(outs, 2), expected.out, 1e-11, 1e-10)) << describe(c);
    EXPECT_TRUE(close(state, expected.state, 1e-11, 1e-10)) << describe(c);
  }
}

TEST(LinearAttend, TheStateJoinsPieces) {
  const auto t = make({.L = 150, .D = 8, .rule = LinearRule::gated_delta, .state = true});
  const auto whole = call(linear_attend, t);
  const auto first = call(linear_attend, t.steps(0, 90, t.inputs.state.value()));
  const auto second = call(linear_attend, t.steps(90, 60, first.state));
  EXPECT_TRUE(close(at::cat({first.out, second.out}, 2), whole.out, 1e-12, 1e-11));
  EXPECT_TRUE(close(second.state, whole.state, 1e-12, 1e-11));
}

TEST(LinearAttend, AnyNumberOfThreadsGivesTheSameBits) {
  const int before = num_threads();
  for (auto c : random_linear_cases(30)) {
    c.B = 3, c.layout = Layout::plain;
    const auto t = make(c).to(at::kFloat);
    const auto weight = weights_of(c, make(c));
    std::vector<at::Tensor> expected;
    for (const int threads : {1, 2, 3, 2}) {
      set_num_threads(threads);
      auto given = gradients(linear_attend, t, weight);
      const auto result = call(linear_attend, t);
      given.push_back(result.out), given.push_back(result.state);
      if (expected.empty()) expected = given;
      for (size_t i = 0; i < given.size(); ++i) {
        if (!given[i].defined()) continue;
        EXPECT_TRUE(torch::equal(given[i], expected[i])) << describe(c) << " " << i;
      }
    }
  }
  set_num_threads(before);
}

TEST(LinearAttend, SixteenBitStorageIsComputedInFloat32) {
  const LinearCase c{.H = 4, .L = 70, .D = 8, .rule = LinearRule::gated_delta, .state = true};
  const auto t = make(c);
  const auto weight = weights_of(c, t);
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    const auto stored = t.to(type);
    const auto wide = stored.to(at::kFloat);  // the same numbers
    const auto given = call(linear_attend, stored), expected = call(linear_attend, wide);
    EXPECT_TRUE(torch::equal(given.out, expected.out.to(type)));
    EXPECT_TRUE(torch::equal(given.state, expected.state.to(type)));
    auto without = stored;
    without.inputs.state.reset();
    EXPECT_EQ(call(linear_attend, without).state.scalar_type(), at::kFloat);
    const LinearResult w{weight.out.to(type), weight.state.to(type)};
    const auto grads = gradients(linear_attend, stored, w);
    const auto wide_grads = gradients(linear_attend, wide, w);
    for (size_t i = 0; i < grads.size(); ++i)
      EXPECT_TRUE(torch::equal(grads[i], wide_grads[i].to(type))) << type << " leaf " << i;
  }
}

TEST(LinearAttend, WithoutDecayAndCorrectionItIsCausalAttentionWithoutSoftmax) {
  const auto t = make({.H = 4, .L = 70, .D = 5});
  const auto k = t.k.repeat_interleave(2, 1), v = t.v.repeat_interleave(2, 1);
  const auto scores = torch::matmul(t.q, k.transpose(2, 3)) / std::sqrt(5.0);
  EXPECT_TRUE(close(call(linear_attend, t).out, torch::matmul(scores.tril(), v), 1e-12, 1e-11));
  const auto ahead = t.q.slice(2, 0, 3);  // queries of another length
  LinearAttention all;
  all.causal = false;
  EXPECT_TRUE(close(linear_attend(ahead, t.k, t.v, all).out,
                    torch::matmul(scores.slice(2, 0, 3), v), 1e-12, 1e-11));
}

TEST(LinearAttend, NormalizedWeightsSumToOne) {
  for (const char* feature : {"elu", "favor"}) {
    for (const bool causal : {true, false}) {
      auto t = make({.L = 70, .feature = test::Word{feature}, .normalize = true, .causal = causal});
      t.v = torch::ones_like(t.v) * 3;
      EXPECT_TRUE(close(call(linear_attend, t).out, torch::full({2, 2, 70, 4}, 3.0, at::kDouble),
                        1e-12, 1e-12));
    }
  }
}

TEST(LinearAttend, FavorApproachesSoftmax) {
  auto t =
      make({.L = 40, .D = 8, .feature = LinearFeature::favor, .normalize = true, .causal = false});
  const auto expected = heed::attend(t.q, t.k, t.v, "scaled_dot");
  double last = 1e9;
  for (const int64_t features : {16, 256, 4096}) {
    t.how.features = features;
    const double error = (call(linear_attend, t).out - expected).abs().mean().item<double>();
    EXPECT_LT(error, last / 2) << features;
    last = error;
  }
  EXPECT_LT(last, 0.02);
}

TEST(LinearAttend, TheProjectionIsOrthogonalInGroups) {
  const auto w = favor_projection(20, 8, 5);
  for (const int64_t first : {0, 8, 16}) {
    const auto group = w.narrow(0, first, std::min<int64_t>(8, 20 - first));
    const auto product = torch::matmul(group, group.t());
    EXPECT_TRUE(close(product, product.diag().diag(), 1e-12, 0));
  }
  EXPECT_TRUE(torch::equal(w, favor_projection(20, 8, 5)));
  EXPECT_TRUE(torch::equal(w.narrow(0, 0, 9), favor_projection(9, 8, 5)));
  EXPECT_FALSE(torch::equal(w, favor_projection(20, 8, 6)));
  // As long as normal vectors: squares are 8 on average, with a deviation of 4.
  const auto squares = favor_projection(4000, 8, 1).square().sum(1);
  EXPECT_NEAR(squares.mean().item<double>(), 8, 0.3);
  EXPECT_NEAR(squares.std().item<double>(), 4, 0.4);
}

TEST(LinearAttend, MetaTensorsHaveShapes) {
  const auto t = make({.H = 4, .L = 5, .rule = LinearRule::gated, .state = true});
  auto leaves = t.leaves();
  for (auto& leaf : leaves) leaf = leaf.to(at::kMeta).requires_grad_();
  const auto result = call(linear_attend, t.with(leaves));
  EXPECT_EQ(result.out.sizes(), at::IntArrayRef({2, 4, 5, 4}));
  EXPECT_EQ(result.state.sizes(), at::IntArrayRef({2, 2, 4, 4}));
  const auto grads = torch::autograd::grad({result.out.sum()}, leaves);
  EXPECT_EQ(grads[3].sizes(), t.inputs.log_decay->sizes());
}

TEST(LinearAttend, IsRegisteredWithItsSchema) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("heed::linear_attend", "");
  const auto t = make({.L = 9, .rule = LinearRule::delta});
  torch::jit::Stack stack = {t.q,    t.k, t.v, "delta", at::IValue(), *t.inputs.beta, at::IValue(),
                             "none", 0,   0,   false,   true,         at::IValue()};
  op.callBoxed(&stack);
  const auto expected = call(linear_attend, t);
  ASSERT_EQ(stack.size(), 2);
  EXPECT_TRUE(torch::equal(stack[0].toTensor(), expected.out));
  EXPECT_TRUE(torch::equal(stack[1].toTensor(), expected.state));
}

}  // namespace
}  // namespace heed::test
