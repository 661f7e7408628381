// The promises of the kernels, for every kind of word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// One of each word that computes, in combinations that people use.
const std::vector<std::string>& mechanisms() {
  static const std::vector<std::string> all = {"uniform",
                                               "general; relative",
                                               "cosine; alibi",
                                               "additive; adaptive_span(90)",
                                               "feed_forward(activation=relu); sinks",
                                               "feed_forward(activation=gelu)",
                                               "feed_forward(query=0)",
                                               "location(500)",
                                               "shaw(20); softcap(5)",
                                               "shaw(40, values=1); dropout=0.1",
                                               "transformer_xl",
                                               "talking",
                                               "sparsemax",
                                               "entmax15; dropout=0.1",
                                               "entmax(1.7)",
                                               "sigmoid",
                                               "hard",
                                               "geometric"};
  return all;
}

Tensors large(const std::string& how, bool causal) {
  Case c{.B = 2, .H = 4, .G = 2, .Lq = 200, .Lk = 230, .D = 8, .E = 12, .how = how};
  if (causal) c.how += "; causal";
  auto t = make(c).to(at::kFloat);
  t.inputs.training = true, t.inputs.seed = 3;
  return t;
}

void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                 const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].defined(), b[i].defined()) << what << " leaf " << i;
    if (a[i].defined()) EXPECT_TRUE(torch::equal(a[i], b[i])) << what << " leaf " << i;
  }
}

TEST(Mechanisms, TheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const auto& how : mechanisms()) {
    const auto t = large(how, true);
    const auto weight = torch::randn({2, 4, 200, 12}, at::kDouble);
    at::Tensor first;
    std::vector<at::Tensor> first_grads;
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const auto out = attend(t);
      const auto grads = gradients(attend, t, weight);
      if (!first.defined()) first = out, first_grads = grads;
      EXPECT_TRUE(torch::equal(out, first)) << how << " " << threads;
      expect_same(grads, first_grads, how);
    }
  }
  set_num_threads(before);
}

TEST(Mechanisms, HiddenNaNChangesNoBit) {
  for (const auto& how : mechanisms()) {
    auto clean = large(how, false);
    clean.inputs.lengths = torch::tensor({100, 0}, at::kLong);
    auto poisoned = clean;
    poisoned.k = clean.k.clone(), poisoned.v = clean.v.clone();
    for (auto* t : {&poisoned.k, &poisoned.v}) {
      (*t)[0].slice(1, 100).fill_(NAN);
      (*t)[1].fill_(INFINITY);
    }
    const auto weight = torch::randn({2, 4, 200, 12}, at::kDouble);
    EXPECT_TRUE(torch::equal(attend(clean), attend(poisoned))) << how;
    expect_same(gradients(attend, clean, weight), gradients(attend, poisoned, weight), how);
  }
}

TEST(Mechanisms, ARowThatSeesNothingIsZeroAndPassesNoGradient) {
  for (const auto& how : mechanisms()) {
    auto t = large(how, false);
    t.inputs.lengths = torch::tensor({0, 230}, at::kLong);
    const auto out = attend(t);
    EXPECT_EQ(out[0].abs().max().item<double>(), 0) << how;
    EXPECT_GT(out[1].abs().max().item<double>(), 0) << how;
    const auto grads = gradients(attend, t, torch::ones_like(out));
    for (int i = 0; i < 3; ++i)
      if (grads[i].defined()) EXPECT_EQ(grads[i][0].abs().max().item<double>(), 0) << how << i;
  }
}

TEST(Mechanisms, ANaNThatIsSeenComesOut) {
  for (const auto& how : mechanisms()) {
    if (how == "uniform" || how.find("location") == 0) continue;  // keys are not looked at
    auto t = large(how, true);
    t.k[0][0][7].fill_(NAN);
    const auto nan = torch::isnan(attend(t))[0][0].all(-1);
    for (int64_t i = 0; i < 200; ++i)
      EXPECT_TRUE(nan[i].item<bool>() || i + 30 < 7 || how.find("adaptive") != how.npos)
          << how << " " << i;
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
  auto t = make({.Lq = 5, .Lk = 5, .how = "documents"});
  t.inputs.documents = torch::tensor({{0, 1, 0, 1, 1}, {0, 0, 0, 0, 0}}, at::kLong);
  EXPECT_THAT(refusal(t), HasSubstr("do not fall"));
  t.inputs.documents = torch::zeros({2, 4}, at::kLong);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("(B, Lk) = [2, 5]"), HasSubstr("given [2, 4]")));
  t.inputs.documents = torch::zeros({2, 5}, at::kLong);
  t.inputs.query_offset = 1;
  EXPECT_THAT(refusal(t), HasSubstr("given positions 1 to 5"));
  t = make({.Lq = 5, .Lk = 5, .how = "blocks(2)"});
  t.inputs.blocks = torch::ones({3, 2}, at::kBool);
  EXPECT_THAT(refusal(t), AllOf(HasSubstr("blocks"), HasSubstr("[2, 2, 3, 3]")));
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
