// Every mechanism: the formula, rows that see nothing, NaN that is seen; and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "heed/core/error.h"
#include "ops/mechanisms.h"
#include "ops/op_definition.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Mechanisms, EveryWordIsInTheListOrExempt) {
  std::set<std::string> listed;
  for (const auto& m : mechanisms()) {
    const auto how = Attention::parse(m.how);
    for (const auto* part : ops::acting_ops(how)) listed.insert(part->name);
  }
  for (const auto& word : op_kinds()) {
    if (ops::definition(word.name).own) continue;  // another test's
    EXPECT_NE(listed.count(word.name) && !exempt_words().count(word.name),
              exempt_words().count(word.name) == 1)
        << word.name;
  }
}

TEST(Mechanisms, ExemptWordsAreRefusedOrDoNothingInAttend) {
  auto plain = make({.Lq = 9, .Lk = 9, .D = 8, .how = "causal"});
  for (const auto& [name, reason] : exempt_words()) {
    ASSERT_NE(find_op_kind(name), nullptr) << name;
    auto with = plain;
    with.how = Attention::parse("causal; " + name);
    if (name == "none" || name == "concat") {
      EXPECT_TRUE(torch::equal(attend(with), attend(plain))) << name << ": " << reason;
    } else {
      EXPECT_THROW(attend(with), UsageError) << name << ": " << reason;
    }
  }
}

TEST(Mechanisms, FollowTheFormula) {
  constexpr struct {
    at::ScalarType type;
    double forward, backward;
  } kTypes[] = {{at::kDouble, 1e-11, 1e-10}, {at::kFloat, 1e-5, 1e-4}};
  for (const auto& m : mechanisms()) {
    const auto t = call_of(m, tiled_sizes());
    const auto weight = torch::randn({2, 4, 200, 12}, at::kDouble);
    const auto expected = reference(t);
    const auto slopes = all_gradients(reference, t, weight);
    for (const auto& [type, forward, backward] : kTypes) {
      EXPECT_TRUE(close(attend(t.to(type)), expected, forward, forward)) << describe(m) << type;
      const auto grads = all_gradients(attend, t.to(type), weight);
      for (size_t i = 0; i < grads.size(); ++i) {
        // A parameter's gradient sums over all rows: its rounding goes with the largest.
        const double size = std::max(1.0, slopes[i].abs().max().item<double>());
        EXPECT_TRUE(close(grads[i], slopes[i], backward * size, backward))
            << describe(m) << type << " leaf " << i;
      }
    }
  }
}

TEST(Mechanisms, ARowThatSeesNothingIsZeroAndPassesNoGradient) {
  for (const auto& m : mechanisms()) {
    auto t = call_of(m, tiled_sizes()).to(at::kFloat);
    t.inputs.key_lengths = torch::tensor({0, 230}, at::kLong);
    const auto out = attend(t);
    EXPECT_EQ(out[0].abs().max().item<double>(), 0) << describe(m);
    EXPECT_GT(out[1].abs().max().item<double>(), 0) << describe(m);
    const auto grads = all_gradients(attend, t, torch::ones_like(out));
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(grads[i][0].abs().max().item<double>(), 0) << describe(m) << i;
  }
}

/// Which scores do not look at the keys.
bool looks_at_keys(const Mechanism& m) {
  return m.how.find("uniform") != 0 && m.how.find("location") != 0;
}

/// The queries (Lq) of the first head of the first sequence whose output follows that key's value.
at::Tensor rows_that_see(Tensors t, int64_t key) {
  t.inputs.training = false;
  if (t.how.normalizer.name == "hard") t.how.normalizer = {"softmax"};
  t.q = t.q * 0, t.k = t.k * 0, t.v = torch::zeros_like(t.v);
  t.v[0][0][key].fill_(1);
  return reference(t)[0][0].abs().amax(-1) > 0;
}

TEST(Mechanisms, ANaNThatIsSeenComesOut) {
  for (const auto& m : mechanisms()) {
    auto t = call_of(m, tiled_sizes()).to(at::kFloat);
    (looks_at_keys(m) ? t.k : t.v)[0][0][100].fill_(NAN);
    const auto nan = torch::isnan(attend(t))[0][0].all(-1);
    EXPECT_TRUE(torch::equal(nan, rows_that_see(call_of(m, tiled_sizes()), 100))) << describe(m);
  }
}

TEST(Mechanisms, WeightsOfARowSumToOne) {
  for (const auto& how : {"sparsemax", "entmax15", "entmax(1.2)", "entmax(1.9)", "hard"}) {
    for (const double scale : {0.01, 1.0, 30.0}) {
      auto t = make({.Lq = 100, .Lk = 300, .D = 16, .E = 1, .how = how, .scale = scale});
      t.v.fill_(1);
      EXPECT_TRUE(close(attend(t), torch::ones({2, 2, 100, 1}), 1e-12, 0)) << how << " " << scale;
      EXPECT_TRUE(close(attend(t.to(at::kFloat)), torch::ones({2, 2, 100, 1}), 2e-5, 0))
          << how << " " << scale;
    }
  }
}

TEST(Mechanisms, HardDrawsFromTheSoftmax) {
  auto t = make({.B = 1, .H = 1, .G = 1, .Lq = 20000, .Lk = 5, .D = 3, .E = 5, .how = "hard"});
  t.q = t.q.slice(2, 0, 1).expand({1, 1, 20000, 3});
  t.v = torch::eye(5, at::kDouble).view({1, 1, 5, 5});
  t.inputs.training = true, t.inputs.seed = 8;
  const auto drawn = attend(t)[0][0].mean(0);
  const auto soft = torch::softmax(torch::matmul(t.k[0][0], t.q[0][0][0]) / std::sqrt(3.0), 0);
  EXPECT_TRUE(close(drawn, soft, 0.015, 0));  // four standard deviations of 20000 draws
}

std::string refusal(const Tensors& t) {
  try {
    attend(t);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "nothing refused";
}

TEST(Mechanisms, ParametersAreChecked) {
  auto t = make({.how = "relative(8, 20)"});
  t.inputs.parameters["relative.tabel"] = t.inputs.parameters["relative.table"];
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("no 'relative.tabel'"), HasSubstr("'relative.table'")));
  t.inputs.parameters.erase("relative.tabel");
  t.inputs.parameters["relative.table"] = torch::zeros({2, 7}, at::kDouble);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("[2, 8]"), HasSubstr("given [2, 7]")));
  t.inputs.parameters["relative.table"] = torch::zeros({2, 8}, at::kLong);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("relative.table"), HasSubstr("dtype")));
  t.inputs.parameters.clear();
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("relative.table"), HasSubstr("not given")));
}

TEST(Mechanisms, TensorsOfMasksAreChecked) {
  auto t = make({.Lq = 5, .Lk = 5, .how = "segment_ids"});
  t.inputs.segment_ids = torch::tensor({{0, 1, 0, 1, 1}, {0, 0, 0, 0, 0}}, at::kLong);
  EXPECT_THAT(refusal(t), HasSubstr("do not fall"));
  t.inputs.segment_ids = torch::zeros({2, 4}, at::kLong);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("(B, Lk) = [2, 5]"), HasSubstr("given [2, 4]")));
  t.inputs.segment_ids = torch::zeros({2, 5}, at::kLong);
  t.inputs.query_offset = 1;
  EXPECT_THAT(refusal(t), HasSubstr("given positions 1 to 5"));
  t = make({.Lq = 5, .Lk = 5, .how = "block_mask(2)"});
  t.inputs.block_mask = torch::ones({3, 2}, at::kBool);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("block_mask"), HasSubstr("[2, 2, 3, 3]")));
  t = make({.Lk = 9, .how = "location(8)"});
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("location(length=8)"), HasSubstr("given 9")));
  t = make({.D = 4, .how = "additive"});
  t.how = Attention::parse("additive(hidden=6)");
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("D=6"), HasSubstr("given 4")));
}

TEST(Mechanisms, CombinationsThatMakeNoSenseAreRefused) {
  const auto refused = [](const char* text) {
    try {
      Attention::parse(text);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("parsed");
  };
  EXPECT_THAT(refused("additive; shaw"), HasSubstr("needs the score dot"));
  EXPECT_THAT(refused("sinks; sparsemax"), HasSubstr("softmax"));
  EXPECT_THAT(refused("causal | adaptive_span(9)"), HasSubstr("'|'"));
  EXPECT_THAT(refused("relative(32, 8)"), HasSubstr("distance"));
  EXPECT_THAT(refused("entmax(2.5)"), AllOf(HasSubstr("alpha"), HasSubstr("1.99")));
  EXPECT_THAT(refused("feed_forward(activation=swish)"), HasSubstr("tanh, relu or gelu"));
}

}  // namespace
}  // namespace heed::test
