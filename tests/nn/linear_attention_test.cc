#include "heed/nn/linear_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn.h>
#include <torch/optim.h>

#include "autocast.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "learning.h"
#include "words.h"

namespace heed::nn {
namespace {

using testing::HasSubstr;

heed::LinearAttention by_rule(const std::string& rule) {
  heed::LinearAttention how;
  how.rule = heed::test::Word{rule};
  return how;
}

LinearAttention layer_of(const LinearAttentionOptions& options) {
  torch::manual_seed(7);
  LinearAttention layer(options);
  layer->to(at::kDouble);
  for (auto& p : layer->parameters()) p.data().normal_(0, 0.5);
  return layer;
}

at::Tensor heads_of(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

TEST(LinearAttention, FollowsTheFormula) {
  for (const std::string rule : {"linear", "gated", "delta", "gated_delta"}) {
    for (const bool by_channel : {true, false}) {
      const bool gated = rule.rfind("gated", 0) == 0, delta = rule.find("delta") != rule.npos;
      auto layer = layer_of(LinearAttentionOptions(12)
                                .num_heads(4)
                                .num_kv_heads(2)
                                .attention(by_rule(rule))
                                .decay(by_channel ? DecayPer::channel : DecayPer::head));
      const auto x = torch::randn({2, 5, 12}, at::kDouble);
      const auto all = torch::matmul(x, layer->projections->weight.t()) + layer->projections->bias;
      ASSERT_EQ(all.size(2), 24 + (gated ? (by_channel ? 6 : 2) : 0) + (delta ? 2 : 0)) << rule;
      auto q = heads_of(all.slice(2, 0, 12), 4), k = heads_of(all.slice(2, 12, 18), 2);
      const auto v = heads_of(all.slice(2, 18, 24), 2);
      LinearInputs inputs;
      const int64_t end = all.size(2) - (delta ? 2 : 0);
      if (gated) inputs.log_decay = heads_of(all.slice(2, 24, end).sigmoid().log() / 16, 2);
      if (delta) {
        inputs.beta = all.slice(2, end, end + 2).sigmoid().transpose(1, 2);
        q = q / q.square().sum(3, true).sqrt(), k = k / k.square().sum(3, true).sqrt();
      }
      const auto o = linear_attend_reference(q, k, v, by_rule(rule), inputs).out;
      const auto expected = torch::matmul(o.transpose(1, 2).flatten(2), layer->output->weight.t()) +
                            layer->output->bias;
      EXPECT_TRUE(torch::allclose(layer->forward(x), expected, 1e-10, 1e-10)) << rule;
    }
  }
}

TEST(LinearAttention, StepsGoOnWhereTheyStopped) {
  auto elu = by_rule("linear");
  elu.feature = LinearFeature::elu, elu.normalize = true;
  for (const auto& how : {by_rule("linear"), by_rule("gated_delta"), elu}) {
    auto layer = layer_of(LinearAttentionOptions(8).num_heads(2).attention(how));
    const auto x = torch::randn({2, 7, 8}, at::kDouble);
    const auto expected = layer->forward(x);
    at::Tensor state;
    for (int64_t first = 0; first < 7;) {
      const int64_t count = first == 2 ? 3 : 1;
      const auto result = layer->step(x.narrow(1, first, count), state);
      EXPECT_TRUE(torch::allclose(result.out, expected.narrow(1, first, count), 1e-10, 1e-10));
      EXPECT_FALSE(result.out.requires_grad());
      state = result.state, first += count;
    }
  }
}

TEST(LinearAttention, TheLengthOfKeysDoesNotMatterToTheDeltaRules) {
  auto layer = layer_of(LinearAttentionOptions(8).num_heads(2).attention(by_rule("delta")));
  const torch::NoGradGuard no_gradient;
  layer->projections->bias.slice(0, 0, 16).zero_();  // of q and k
  const auto x = torch::randn({2, 7, 8}, at::kDouble);
  const auto weight = layer->projections->weight.clone();
  const auto expected = layer->forward(x);
  for (const double factor : {1e-30, 1e-9, 1e12, 1e30}) {
    layer->projections->weight.slice(0, 0, 16).copy_(weight.slice(0, 0, 16) * factor);
    EXPECT_TRUE(torch::allclose(layer->forward(x), expected, 1e-10, 1e-10)) << factor;
    LinearAttention single(std::dynamic_pointer_cast<LinearAttentionImpl>(layer->clone()));
    single->to(at::kFloat);
    EXPECT_TRUE(
        torch::allclose(single->forward(x.to(at::kFloat)).to(at::kDouble), expected, 1e-4, 1e-5))
        << factor;
  }
}

TEST(LinearAttention, TrainsUnderAutocast) {
  torch::manual_seed(5);
  auto favor = by_rule("linear");
  favor.feature = LinearFeature::favor, favor.normalize = true;
  for (const auto& how :
       {by_rule("linear"), by_rule("gated"), by_rule("delta"), by_rule("gated_delta"), favor}) {
    LinearAttention layer(LinearAttentionOptions(8).num_heads(2).attention(how));
    const auto x = torch::randn({2, 7, 8});
    const auto y = [&] {
      const heed::test::Autocast on;
      return layer->forward(x);
    }();
    y.to(at::kFloat).square().sum().backward();
    for (const auto& p : layer->parameters())
      EXPECT_TRUE(p.grad().isfinite().all().item<bool>())
          << word_of(how.rule) << word_of(how.feature);
    // Products of 8 bits, whose errors add up in the state.
    const auto exact = layer->forward(x).detach();
    EXPECT_LT((y.detach().to(at::kFloat) - exact).norm().item<double>(),
              0.05 * exact.norm().item<double>())
        << word_of(how.rule) << word_of(how.feature);
  }
}

TEST(LinearAttention, ErrorsNameTheOption) {
  const auto expect = [](const LinearAttentionOptions& options, const std::string& words) {
    try {
      LinearAttention layer(options);
      ADD_FAILURE() << "no error with: " << words;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  expect(LinearAttentionOptions(8).num_heads(0), "num_heads: expected at least 1");
  expect(LinearAttentionOptions(8).num_heads(3),
         "width: expected a multiple of num_heads = 3, given 8");
  expect(LinearAttentionOptions(8).num_heads(4).num_kv_heads(3), "num_kv_heads: expected a divis");
  auto favor = by_rule("gated");
  favor.feature = LinearFeature::favor;
  expect(LinearAttentionOptions(8).attention(favor), "decay: expected head with feature favor");
  LinearAttention layer(LinearAttentionOptions(8));
  EXPECT_THROW(layer->forward(torch::zeros({2, 3, 7})), UsageError);
  auto all = by_rule("linear");
  all.causal = false;
  LinearAttention whole(LinearAttentionOptions(8).attention(all));
  EXPECT_NO_THROW(whole->forward(torch::zeros({2, 3, 8})));
  EXPECT_THROW(whole->step(torch::zeros({2, 3, 8})), UsageError);
}

/// Notes (key, value), where a later note of a key replaces the earlier, then a key whose value is
/// asked for: one-hot keys, then one-hot values, no value in the question.
struct Recall {
  static constexpr int64_t kKeys = 4, kValues = 4, kNotes = 8;
  at::Tensor x, labels;

  explicit Recall(int64_t count) {
    const auto keys = torch::randint(kKeys, {count, kNotes + 1}, at::kLong);
    const auto values = torch::randint(kValues, {count, kNotes}, at::kLong);
    const auto question = keys.narrow(1, kNotes, 1);
    question.copy_(keys.narrow(1, 0, 1));  // one that was noted
    const auto noted = torch::one_hot(values, kValues);
    x = torch::cat({torch::one_hot(keys, kKeys),
                    torch::cat({noted, torch::zeros({count, 1, kValues}, at::kLong)}, 1)},
                   2)
            .to(at::kFloat);
    // The last note of the key: the largest place among those that hold it.
    const auto places = (keys.narrow(1, 0, kNotes) == question) * torch::arange(1, kNotes + 1);
    labels = values.gather(1, places.argmax(1, /*keepdim=*/true)).squeeze(1);
  }
};

double accuracy_after_training(const std::string& rule) {
  torch::manual_seed(test::learning_seed(3));
  constexpr int64_t kWidth = 32;
  constexpr int kSteps = 400;
  torch::nn::Linear in(Recall::kKeys + Recall::kValues, kWidth), out(kWidth, Recall::kValues);
  auto how = by_rule(rule);
  how.scale = 1;
  LinearAttention attention(LinearAttentionOptions(kWidth).num_heads(4).attention(how));
  std::vector<at::Tensor> parameters;
  for (const auto& list : {in->parameters(), attention->parameters(), out->parameters()})
    parameters.insert(parameters.end(), list.begin(), list.end());
  torch::optim::Adam optimizer(parameters, torch::optim::AdamOptions());
  const auto logits = [&](const at::Tensor& x) {
    return out->forward(attention->forward(in->forward(x)).select(1, Recall::kNotes));
  };
  for (int step = 0; step < kSteps; ++step) {
    test::set_rate(optimizer, 1e-2, step, kSteps);
    const Recall batch(32);
    optimizer.zero_grad();
    torch::nll_loss(logits(batch.x).log_softmax(1), batch.labels).backward();
    optimizer.step();
  }
  const torch::NoGradGuard no_gradient;
  const Recall fresh(1000);
  return logits(fresh.x).argmax(1).eq(fresh.labels).to(at::kDouble).mean().item<double>();
}

TEST(LinearAttention, TheDeltaRulesLearnToReplaceWhatTheyNoted) {
  const int before = num_threads();
  set_num_threads(1);  // the tensors are too small to share
  const double delta = accuracy_after_training("delta");
  const double gated = accuracy_after_training("gated_delta");
  const double linear = accuracy_after_training("linear");
  set_num_threads(before);
  test::expect_learned("delta", delta, 0.95);
  test::expect_learned("gated_delta", gated, 0.95);
  // It adds up what a key was given, early and late alike, which is right two times of three.
  test::expect_learned("linear, which cannot", linear, 0.8, 2. / 3);
}

}  // namespace
}  // namespace heed::nn
