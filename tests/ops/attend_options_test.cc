// attend with the common options against plain operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/attend.h"

namespace heed {
namespace {

struct Operands {
  at::Tensor q, k, v;
  Operands() {
    torch::manual_seed(2);
    q = torch::randn({2, 4, 9, 8}, at::kDouble);
    k = torch::randn({2, 4, 9, 8}, at::kDouble), v = torch::randn({2, 4, 9, 8}, at::kDouble);
  }

  /// What is seen where `seen` (Lq, Lk) is true.
  at::Tensor weights(const at::Tensor& seen, double scale, double cap = 0) const {
    auto scores = q.matmul(k.transpose(2, 3)) * scale;
    if (cap > 0) scores = (scores / cap).tanh() * cap;
    return scores.masked_fill(~seen, -INFINITY).softmax(-1);
  }
};

at::Tensor ones() { return torch::ones({9, 9}, at::kBool); }

void expect_near(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_TRUE(a.allclose(b, 1e-10, 1e-12)) << (a - b).abs().max();
}

TEST(AttendOptions, AreThoseOfPlainOperators) {
  const Operands x;
  const double by_width = 1 / std::sqrt(8.0);
  expect_near(attend(x.q, x.k, x.v), x.weights(ones(), by_width).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.causal = true}),
              x.weights(ones().tril(), by_width).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.window = 2}),
              x.weights(ones().tril(2).triu(-2), by_width).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.causal = true, .window = 2}),
              x.weights(ones().tril().triu(-2), by_width).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.scale = 0.7}), x.weights(ones(), 0.7).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.scale = 0.0}), x.weights(ones(), 0).matmul(x.v));
  expect_near(attend(x.q, x.k, x.v, {.softcap = 2.0}), x.weights(ones(), by_width, 2).matmul(x.v));
  const auto seen = torch::rand({9, 9}) < 0.7;
  expect_near(attend(x.q, x.k, x.v, {.attn_mask = seen | ones().tril()}),
              x.weights(seen | ones().tril(), by_width).matmul(x.v));
  const auto lengths = torch::tensor({5, 5}, at::kLong);
  expect_near(attend(x.q, x.k, x.v, {.key_lengths = lengths}),
              x.weights((torch::arange(9) < 5).expand({9, 9}), by_width).matmul(x.v));
}

TEST(AttendOptions, LogSumExpTakesThem) {
  const Operands x;
  const auto [out, sums] = attend_with_logsumexp(x.q, x.k, x.v, {.causal = true});
  expect_near(out, attend(x.q, x.k, x.v, {.causal = true}));
  const auto scores =
      (x.q.matmul(x.k.transpose(2, 3)) / std::sqrt(8.0)).masked_fill(~ones().tril(), -INFINITY);
  expect_near(sums, scores.logsumexp(-1));
}

TEST(AttendOptions, DropoutActsWhereItIsGiven) {
  const Operands x;
  const AttendOptions options{.dropout_p = 0.5, .seed = 3};
  const auto dropped = attend(x.q, x.k, x.v, options);
  EXPECT_TRUE(dropped.equal(attend(x.q, x.k, x.v, options)));
  EXPECT_FALSE(dropped.allclose(attend(x.q, x.k, x.v)));
  auto how = Attention::parse("dropout=0.5");
  AttendInputs inputs;
  inputs.training = true, inputs.seed = 3;
  EXPECT_TRUE(dropped.equal(attend(x.q, x.k, x.v, how, inputs)));
}

TEST(AttendOptions, RefuseWhatMakesNoSense) {
  const Operands x;
  EXPECT_THROW(attend(x.q, x.k, x.v, {.window = -1}), UsageError);
  EXPECT_THROW(attend(x.q, x.k, x.v, {.scale = -1.0}), UsageError);
  EXPECT_THROW(attend(x.q, x.k, x.v, {.softcap = 0.0}), UsageError);
  EXPECT_THROW(attend(x.q, x.k, x.v, {.dropout_p = 1}), UsageError);
}

}  // namespace
}  // namespace heed
