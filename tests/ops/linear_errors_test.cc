// What linear_attend says about wrong arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "ops/linear_cases.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

void expect_usage(const LinearTensors& t, const std::string& words,
                  LinearOperator f = linear_attend) {
  try {
    call(f, t);
    ADD_FAILURE() << "no error with: " << words;
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

void expect_model(LinearAttention how, const std::string& words) {
  try {
    how.check();
    ADD_FAILURE() << "no error with: " << words;
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr(words));
  }
}

TEST(LinearErrors, TensorsThatDoNotFit) {
  const auto good = make({.H = 4, .rule = LinearRule::gated_delta, .state = true});
  const auto with = [&](auto change) {
    auto t = good;
    change(t);
    return t;
  };
  expect_usage(with([](auto& t) { t.q = at::Tensor(); }),
               "q: expected a tensor, given an undefined");
  expect_usage(with([](auto& t) { t.q = t.q[0]; }),
               "q: expected shape (B, H, L, D), given [4, 7, 4]");
  expect_usage(with([](auto& t) { t.q = t.q.to(at::kLong); }),
               "q: expected dtype float32, float64");
  expect_usage(with([](auto& t) { t.k = t.k.to(at::kFloat); }),
               "k: expected the dtype of q, double");
  expect_usage(with([](auto& t) { t.k = t.k.to_sparse(); }),
               "k: expected a dense (strided) tensor");
  expect_usage(with([](auto& t) { t.k = t.k.to(at::kMeta); }), "k: expected the device of q, cpu");
  expect_usage(with([](auto& t) { t.k = t.k.narrow(0, 0, 1); }), "k: expected batch B=2");
  expect_usage(with([](auto& t) { t.k = t.k.narrow(3, 0, 3); }), "k: expected width D=4");
  expect_usage(with([](auto& t) { t.k = t.k.narrow(2, 0, 3); }), "k: expected length L=7");
  expect_usage(with([](auto& t) { t.q = t.q.narrow(1, 0, 3); }),
               "k: expected a number of heads G that divides the 3 heads of q, given 2");
  expect_usage(with([](auto& t) { t.v = t.v.narrow(2, 0, 3); }), "v: expected (B, G, L) as in k");
  expect_usage(with([](auto& t) { t.v = t.v.narrow(3, 0, 0); }),
               "v: expected a width of at least 1");
  expect_usage(with([](auto& t) {
                 t.inputs.log_decay = torch::zeros({2, 2, 7, 3}, at::kDouble);
               }),
               "log_decay: expected shape (B, G, L, D) or (B, G, L, 1) with [2, 2, 7, 4]");
  expect_usage(with([](auto& t) {
                 t.inputs.beta = torch::zeros({2, 4, 7}, at::kDouble);
               }),
               "beta: expected shape (B, G, L) with [2, 2, 7] (B and G may be 1), given [2, 4, 7]");
  expect_usage(with([](auto& t) {
                 t.inputs.beta = torch::zeros({2, 2, 7}, at::kLong);
               }),
               "beta: expected dtype");
  expect_usage(with([](auto& t) {
                 t.inputs.state = torch::zeros({2, 2, 4, 5}, at::kDouble);
               }),
               "state: expected shape (B, G, D, E) = [2, 2, 4, 4], given [2, 2, 4, 5]");
}

TEST(LinearErrors, InputsThatTheRuleDoesNotKnow) {
  auto t = make({.rule = LinearRule::gated_delta});
  t.inputs.log_decay.reset();
  expect_usage(t, "log_decay: expected for rule gated_delta, given none");
  t = make({.rule = LinearRule::delta});
  t.how.rule = LinearRule::linear;
  expect_usage(t, "beta: expected none with rule linear, given [2, 2, 7]");
  t = make({.causal = false});
  expect_usage(t, "how.causal: expected true, given false", linear_attend_step);
}

TEST(LinearErrors, ValuesThatMakeNoSense) {
  const auto with = [](auto change) {
    LinearAttention how;
    change(how);
    return how;
  };
  expect_model(with([](auto& h) { h.features = -1; }), "features: expected at least 1");
  expect_model(with([](auto& h) { h.features = 8; }),
               "features: expected with feature favor alone");
  expect_model(with([](auto& h) { h.rule = LinearRule::delta, h.normalize = true; }),
               "normalize: expected false with rule delta");
  expect_model(with([](auto& h) { h.rule = LinearRule::gated, h.causal = false; }),
               "causal: expected true with rule gated");
  expect_model(with([](auto& h) { h.scale = std::nan(""); }), "scale: expected a finite number");
  EXPECT_THROW(favor_projection(0, 4, 0), UsageError);
  EXPECT_THROW(favor_projection(4, 0, 0), UsageError);
}

}  // namespace
}  // namespace heed::test
