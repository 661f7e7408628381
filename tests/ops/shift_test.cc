// Weights depend on the differences of a row's scores, not on where they lie: finite masks, large
// scores, low rows, many equal keys, values near the largest number.
#include <gtest/gtest.h>

#include "heed/ops/map.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

constexpr double kMost = std::numeric_limits<float>::max();

/// Output, logsumexp and gradients of one call of softmax attention, in float64.
struct Result {
  at::Tensor out, logsumexp;
  std::vector<at::Tensor> grads;  ///< of q, k, v and, where there is one, the bias
};

Result of_heed(const Tensors& t, const at::Tensor& weight) {
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : t.leaves()) leaves.push_back(leaf.detach().clone().requires_grad_());
  const auto with = t.with(leaves);
  const auto [out, lse] = attend_with_logsumexp(with.q, with.k, with.v, t.how, with.inputs);
  Result result{out.detach().to(at::kDouble), lse.detach().to(at::kDouble), {}};
  for (const auto& grad : torch::autograd::grad({out}, leaves, {weight.to(out.scalar_type())}))
    result.grads.push_back(grad.to(at::kDouble));
  return result;
}

/// softmax(scores) v in float64, from scores that were rounded to `type` as an addition in it
/// rounds.
Result by_softmax(const Tensors& t, const at::Tensor& added, const at::Tensor& weight,
                  at::ScalarType type) {
  const auto leaf = [](const at::Tensor& x) { return x.to(at::kDouble).requires_grad_(); };
  const auto q = leaf(t.q), k = leaf(t.k), v = leaf(t.v);
  const auto product = torch::matmul(q, k.transpose(2, 3)) / std::sqrt(q.size(3));
  const auto sum = (product.detach().to(type) + added.to(type)).to(at::kDouble);
  const auto scores = product + (sum - product).detach();
  const auto out = torch::matmul(torch::softmax(scores, -1), v);
  return {out.detach(), torch::logsumexp(scores, -1).detach(),
          torch::autograd::grad({out}, {q, k, v}, {weight.to(at::kDouble)})};
}

void expect_same(const Result& given, const Result& expected, double rtol,
                 const std::string& what) {
  EXPECT_TRUE(close(given.out, expected.out, rtol, rtol)) << what;
  for (size_t i = 0; i < expected.grads.size(); ++i) {
    const double size = std::max(1.0, expected.grads[i].abs().max().item<double>());
    EXPECT_TRUE(close(given.grads[i], expected.grads[i], rtol * size, 0)) << what << " leaf " << i;
  }
  const double size = std::max(1.0, expected.logsumexp.abs().max().item<double>());
  EXPECT_TRUE(close(given.logsumexp, expected.logsumexp, 1e-6 * size, 0)) << what;
}

TEST(Shift, ARowOfOneLowNumberIsTheMean) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    for (const double low : {-1e4, -1e9, -1e12, -1e20, -1e30, -1.7e38, -kMost}) {
      for (const int64_t queries : {1, 5}) {
        for (const bool by_bias : {false, true}) {
          auto t = make({.Lq = queries, .Lk = 6, .D = 8}).to(type);
          t.q = t.q * 1e-20;  // scores that vanish beside the number
          const auto added = torch::full({1, 1, queries, 6}, low, type);
          (by_bias ? t.inputs.bias : t.inputs.attn_mask) = added;
          const auto weight = torch::randn({2, 2, queries, 4}, at::kDouble);
          const auto given = of_heed(t, weight);
          const auto what = c10::str(type, " ", low, " ", queries, " ", by_bias);
          expect_same(given, by_softmax(t, added, weight, type), 2e-6, what);
          EXPECT_TRUE(close(given.out, t.v.to(at::kDouble).mean(2, true).expand({2, 2, queries, 4}),
                            2e-6, 0))
              << what;
        }
      }
    }
  }
}

TEST(Shift, EveryWayToScoreTakesTheMean) {
  for (const std::string how :
       {"scaled_dot", "additive", "softcap(5)", "cosine", "general", "sinks"}) {
    for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      auto t = make({.Lq = 4, .Lk = 9, .D = 8, .how = how}).to(type);
      const double low = type == at::kBFloat16 ? -3.3895e38 : -kMost;
      t.inputs.attn_mask = torch::full({1, 1, 4, 9}, low, type);
      if (how == "sinks") t.inputs.parameters["sinks.score"].fill_(-INFINITY);
      const auto given = of_heed(t, torch::ones({2, 2, 4, 4}));
      const auto mean = t.v.to(at::kDouble).mean(2, true).expand({2, 2, 4, 4});
      EXPECT_TRUE(close(given.out, mean, type == at::kBFloat16 ? 1e-2 : 1e-6, 0)) << how << type;
      for (const auto& grad : given.grads)
        EXPECT_TRUE(torch::isfinite(grad).all().item<bool>()) << how << " " << type;
    }
  }
}

/// Padding on the left and a causal mask, both written as the lowest number, as much model code
/// does.
TEST(Shift, CausalPaddingByTheLowestNumber) {
  for (const int64_t queries : {100, 1}) {
    auto t = make({.B = 1, .Lq = queries, .Lk = 100, .D = 8}).to(at::kFloat);
    auto hidden = torch::ones({100, 100}, at::kBool).triu(1);
    hidden.narrow(1, 0, 96).fill_(true);
    const auto added = torch::zeros({100, 100}).masked_fill(hidden, -kMost).slice(0, 100 - queries);
    t.inputs.attn_mask = added.view({1, 1, queries, 100});
    const auto weight = torch::randn({1, 2, queries, 4}, at::kDouble);
    expect_same(of_heed(t, weight), by_softmax(t, *t.inputs.attn_mask, weight, at::kFloat), 3e-6,
                std::to_string(queries));
  }
}

TEST(Shift, LargeScoresWithoutAMask) {
  auto t = make({.Lq = 8, .Lk = 8, .D = 4, .how = "dot"}).to(at::kFloat);
  // Exact products: small whole numbers times powers of two.
  t.q = (t.q * 4).round() * 131072, t.k = (t.k * 4).round() * 131072;
  const auto scores = torch::matmul(t.q.to(at::kDouble), t.k.to(at::kDouble).transpose(2, 3));
  ASSERT_GT(scores.abs().max().item<double>(), 1e11);
  const auto [out, lse] = attend_with_logsumexp(t.q, t.k, t.v, t.how, t.inputs);
  EXPECT_TRUE(close(out, torch::matmul(torch::softmax(scores, -1), t.v.to(at::kDouble)), 1e-6, 0));
  EXPECT_TRUE(close(lse, torch::logsumexp(scores, -1), 0, 1e-6));
}

/// A row that moves as a whole keeps its output and gradients: forward, backward, one query, maps.
TEST(Shift, AShiftedRowKeepsItsGradients) {
  for (const std::string normalizer :
       {"softmax", "sparsemax", "entmax15", "entmax(1.3)", "entmax(1.05)", "hard"}) {
    for (const int64_t queries : {1, 7}) {
      auto t = make({.Lq = queries, .Lk = 6, .D = 4, .how = "dot; " + normalizer}).to(at::kFloat);
      t.q = t.q.round(), t.k = t.k.round();
      const auto weight = torch::randn({2, 2, queries, 4}, at::kDouble);
      const auto plain = of_heed(t, weight);
      for (const double shift : {1e4, -1e4, -1e5, 1e6, -1e7}) {  // whole numbers, which stay exact
        t.inputs.bias = torch::full({1, 1, queries, 1}, shift);
        const auto given = of_heed(t, weight);
        const auto what = c10::str(normalizer, " ", shift, " ", queries);
        EXPECT_TRUE(torch::equal(given.out, plain.out)) << what;
        for (size_t i = 0; i < 3; ++i)
          EXPECT_TRUE(torch::equal(given.grads[i], plain.grads[i])) << what << " leaf " << i;
        const auto [out, row_stats] = attend_with_row_stats(t.q, t.k, t.v, t.how, t.inputs);
        const Map map("", t.q, t.k, row_stats, t.how, t.inputs);
        EXPECT_TRUE(close(map.dense().sum(-1), torch::ones({2, queries}), 2e-6, 0)) << what;
      }
    }
  }
}

TEST(Shift, SixEqualKeysShareEveryRowAlike) {
  for (const double low : {-1e4, -1e5, -1e7, -1e9, -1e20, -kMost}) {
    auto t = make({.B = 1, .H = 1, .G = 1, .Lq = 3, .Lk = 6, .D = 4, .E = 1}).to(at::kFloat);
    t.q.zero_();
    t.inputs.attn_mask = torch::full({1, 1, 3, 6}, low);
    const auto given = of_heed(t, torch::ones({1, 1, 3, 1}));
    EXPECT_TRUE(close(given.grads[2], torch::full({1, 1, 6, 1}, 0.5), 1e-6, 0)) << low;
  }
}

TEST(Shift, SparseWeightsOfEqualScoresSumToOne) {
  for (const std::string how : {"sparsemax", "entmax15", "entmax(1.3)", "entmax(1.99)"}) {
    for (const double score : {0.0, 3.0, 1e4, 1e6, 1e7, 1e30, -kMost}) {
      for (const int64_t keys : {5, 10000}) {
        const auto q = torch::ones({1, 1, 2, 1}), k = torch::full({1, 1, keys, 1}, score);
        auto inputs = make({.B = 1, .H = 1, .G = 1, .D = 1, .how = how}).to(at::kFloat).inputs;
        if (how[6] == '(') {
          const double alpha = std::stod(how.substr(7)) - 1;
          inputs.parameters["entmax.raw_alpha"].fill_(std::log(alpha / (1 - alpha)));
        }
        const auto out = heed::attend(q, k, torch::ones({1, 1, keys, 1}),
                                      Attention::parse("dot; " + how), inputs);
        EXPECT_TRUE(close(out, torch::ones({1, 1, 2, 1}), 3e-6, 0)) << how << score << keys;
      }
    }
  }
  const auto far = torch::tensor({1.3e8F, 1.6e8F}).view({1, 1, 2, 1});
  const auto out = heed::attend(torch::ones({1, 1, 1, 1}), far, torch::eye(2).view({1, 1, 2, 2}),
                                std::string("dot; sparsemax"));
  EXPECT_TRUE(torch::equal(out.flatten(), torch::tensor({0.F, 1.F})));
}

TEST(Shift, ValuesNearTheLargestNumberHaveAMean) {
  for (const std::string how :
       {"scaled_dot", "uniform", "sparsemax", "scaled_dot; shaw(2,values=1)"}) {
    for (const int64_t queries : {1, 9}) {
      auto t = make({.Lq = queries, .Lk = 40, .D = 4, .E = 3, .how = how}).to(at::kFloat);
      t.v.fill_(1e38);
      EXPECT_TRUE(close(attend(t), torch::full({2, 2, queries, 3}, 1e38), 0, 1e-6)) << how;
    }
  }
  auto t = make({.Lq = 3, .Lk = 4}).to(at::kFloat);
  t.v.fill_(kMost), t.v.select(2, 2).fill_(INFINITY);
  EXPECT_TRUE(torch::isinf(attend(t)).all().item<bool>());
}

TEST(Shift, ManyEqualKeysAndQueries) {
  constexpr int64_t kMany = 32768;
  const auto zeros = [](int64_t n) { return torch::zeros({1, 1, n, 8}); };
  for (const std::string how : {"scaled_dot", "sparsemax", "entmax15"}) {
    const auto out = heed::attend(zeros(1), zeros(kMany), torch::full({1, 1, kMany, 1}, 1.1), how);
    EXPECT_NEAR(out.item<float>(), 1.1F, 2e-6) << how;
  }
  torch::manual_seed(1);
  auto k = torch::randn({1, 1, 5, 8}).requires_grad_(),
       v = torch::randn({1, 1, 5, 8}).requires_grad_();
  const auto q = torch::full({1, 1, kMany, 8}, 0.3);
  const auto weight = torch::full({1, 1, kMany, 8}, 1.1);
  const auto given =
      torch::autograd::grad({heed::attend(q, k, v, std::string("scaled_dot"))}, {k, v}, {weight});
  const auto k2 = k.detach().to(at::kDouble).requires_grad_();
  const auto v2 = v.detach().to(at::kDouble).requires_grad_();
  const auto one = torch::matmul(
      torch::softmax(
          torch::matmul(q.narrow(2, 0, 1).to(at::kDouble), k2.transpose(2, 3)) / std::sqrt(8.0),
          -1),
      v2);
  const auto expected = torch::autograd::grad(
      {one}, {k2, v2}, {weight.narrow(2, 0, 1).to(at::kDouble) * static_cast<double>(kMany)});
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(close(given[i], expected[i], 1e-5 * expected[i].abs().max().item<double>(), 0))
        << i;
}

TEST(Shift, AMillionEqualKeys) {
  constexpr int64_t kMany = 1000000;
  const auto q = torch::zeros({1, 1, 2, 4}), k = torch::zeros({1, 1, kMany, 4});
  auto v = torch::full({1, 1, kMany, 1}, 1.1).requires_grad_();
  for (const std::string how : {"scaled_dot", "uniform", "sparsemax", "entmax15"}) {
    const auto out = heed::attend(q, k, v, how);
    EXPECT_TRUE(close(out, torch::full({1, 1, 2, 1}, 1.1F), 0, 1.5e-6)) << how;
    const auto grad = torch::autograd::grad({out}, {v}, {torch::ones_like(out)})[0];
    EXPECT_TRUE(close(grad, torch::full_like(grad, 2.0 / kMany), 0, 3e-6)) << how;
  }
}

/// As many chunks, stretches and blocks as there are, against float64.
TEST(Shift, LongRowsOfEverySize) {
  for (const int64_t keys : {71, 72, 73, 4607, 4608, 4609, 9300}) {
    auto t = make({.B = 1, .Lq = 3, .Lk = keys, .D = 8}).to(at::kFloat);
    const auto weight = torch::ones({1, 2, 3, 4}, at::kDouble);
    t.inputs.attn_mask = torch::full({1, 1, 3, keys}, -1e4);  // what is left of scores is in steps
    expect_same(of_heed(t, weight), by_softmax(t, *t.inputs.attn_mask, weight, at::kFloat), 3e-6,
                std::to_string(keys));
  }
}

TEST(Shift, AHeadWithoutItsSinkMayStillSeeNothing) {
  auto t = make({.Lq = 2, .Lk = 3, .how = "scaled_dot; sinks"}).to(at::kFloat);
  t.inputs.parameters["sinks.score"].fill_(-INFINITY);
  t.inputs.attn_mask = torch::tensor({true, true, true, false, false, false}).view({1, 1, 2, 3});
  const auto given = of_heed(t, torch::ones({2, 2, 2, 4}));
  EXPECT_EQ(given.out.select(2, 1).abs().max().item<double>(), 0);
  EXPECT_GT(given.out.select(2, 0).abs().max().item<double>(), 0);
  for (const auto& grad : given.grads) EXPECT_TRUE(torch::isfinite(grad).all().item<bool>());
  // One of +inf takes all weight.
  t.inputs.parameters["sinks.score"].fill_(INFINITY);
  const auto taken = of_heed(t, torch::ones({2, 2, 2, 4}));
  EXPECT_EQ(taken.out.abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::equal(taken.out, reference(t).to(at::kDouble)));
  for (const auto& grad : taken.grads) EXPECT_EQ(grad.abs().max().item<double>(), 0);
}

/// d out / d raw of entmax(alpha) near 1, against the derivative of the float64 formula.
TEST(Shift, TheGradientOfAlphaNearOne) {
  const auto k = torch::tensor({.3F, -.2F, 1.F, .5F}).view({1, 1, 4, 1});
  const auto v = torch::tensor({1.F, 2.F, -1.F, .5F}).view({1, 1, 4, 1});
  const auto q = torch::ones({1, 1, 1, 1});
  const auto slope = [&](double alpha, at::ScalarType type, bool by_formula) {
    AttendInputs inputs;
    const double a = alpha - 1;
    auto raw = torch::full({1}, std::log(a / (1 - a)), type).requires_grad_();
    inputs.parameters["entmax.raw_alpha"] = raw;
    const auto how = Attention::parse("dot; entmax");
    const auto out = by_formula ? attend_reference(q.to(type), k.to(type), v.to(type), how, inputs)
                                : heed::attend(q.to(type), k.to(type), v.to(type), how, inputs);
    return torch::autograd::grad({out.sum()}, {raw})[0].item<double>();
  };
  // The exact derivatives, by differences in higher precision.
  const std::vector<std::pair<double, double>> exact = {
      {1.1, -6.08972e-2}, {1.01, -6.03140e-3}, {1.001, -6.02161e-4}, {1.0001, -6.02060e-5}};
  for (const auto& [alpha, want] : exact) {
    for (const auto type : {at::kFloat, at::kDouble})
      for (const bool by_formula : {false, true})
        EXPECT_NEAR(slope(alpha, type, by_formula) / want, 1, 2e-5)
            << alpha << " " << type << " " << by_formula;
  }
  AttendInputs inputs;
  inputs.parameters["entmax.raw_alpha"] = torch::full({1}, -17.F);
  EXPECT_NEAR(heed::attend(q, k, v, Attention::parse("dot; entmax"), inputs).item<float>(),
              0.1672991, 1e-6);
}

TEST(Shift, AdditiveScoresOfOppositeNumbersKeepTheirSum) {
  const auto q = torch::linspace(10, 20, 4000).view({1, 1, -1, 1});
  const auto k = torch::full({1, 1, 1, 1}, -15.F);
  AttendInputs inputs;
  inputs.parameters["additive.weight"] = torch::ones({1, 1});
  const auto w =
      heed::attend(q, k, torch::ones({1, 1, 1, 1}), Attention::parse("additive; sigmoid"), inputs)
          .to(at::kDouble);
  const auto score = torch::log(w / (1 - w)).flatten();
  const auto exact = torch::tanh(q.to(at::kDouble) + k.to(at::kDouble)).flatten();
  // Reading a score back from a weight in float32 costs 2.4e-7 itself.
  EXPECT_LT((score - exact).abs().max().item<double>(), 5.5e-7);
}

/// A query or key with a number whose exponential has no product takes another way to tanh; the
/// rest of its tile does not.
TEST(Shift, ALargeNumberBesideChangesNoBitOfAdditiveScores) {
  auto t = make({.B = 1, .Lq = 20, .Lk = 30, .D = 8, .how = "additive"}).to(at::kFloat);
  const auto small = attend(t);
  t.q = t.q.clone(), t.q.select(2, 7).mul_(60);
  const auto large = attend(t);
  EXPECT_TRUE(close(large, reference(t.to(at::kDouble)), 1e-6, 0));
  for (const int64_t row : {0, 6, 8, 19})
    EXPECT_TRUE(torch::equal(large.select(2, row), small.select(2, row))) << row;
  auto with_key = t;
  with_key.k = t.k.clone(), with_key.k.select(2, 3).mul_(60);
  EXPECT_TRUE(close(attend(with_key), reference(with_key.to(at::kDouble)), 1e-6, 0));
  const auto weight = torch::randn({1, 2, 20, 4}, at::kDouble);
  const auto given = gradients(attend, with_key, weight);
  const auto expected = gradients(reference, with_key.to(at::kDouble), weight);
  for (size_t i = 0; i < given.size(); ++i)
    EXPECT_TRUE(close(given[i], expected[i], 2e-6 * expected[i].abs().max().item<double>(), 0))
        << i;
}

/// Where a row stands, and what the rows beside it see, does not change its bits.
TEST(Shift, ARowAloneHasTheSameBitsUnderEveryMask) {
  for (const std::string mask :
       {"window(20,5)", "dilated(9,9,3)", "strided(8)", "fixed(16,2)", "random_blocks(16,2)",
        "adaptive_span(40, ramp=7)", "causal", "global(3)", "prefix(9) | window(4,4)"}) {
    for (const std::string normalizer : {"softmax", "entmax15", "sigmoid"}) {
      const auto t = make({.B = 1, .Lq = 200, .Lk = 200, .D = 16, .how = normalizer + "; " + mask})
                         .to(at::kFloat);
      const auto all = attend(t);
      int different = 0;
      for (int64_t i = 0; i < 200; ++i) {
        auto one = t;
        one.q = t.q.narrow(2, i, 1), one.inputs.query_offset = i;
        // A mask by blocks of queries and of drawn keys counts rows from the first.
        if (mask.find("random") != mask.npos || mask.find("global") != mask.npos) {
          one.q = t.q.narrow(2, 0, i + 1), one.inputs.query_offset = 0;
        }
        different += !torch::equal(attend(one).slice(2, -1), all.narrow(2, i, 1));
      }
      EXPECT_EQ(different, 0) << mask << " " << normalizer;
    }
  }
}

}  // namespace
}  // namespace heed::test
