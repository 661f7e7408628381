// What docs/engines.md says of Heed beside other engines, against sums in float64 written here from
// the engines' conventions: which pair is seen, what a mask adds, what comes of a row.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <limits>

#include "heed/core/error.h"
#include "heed/ops/attend.h"
#include "heed/ops/map.h"

namespace heed {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Whether query i sees key j.
using Sees = std::function<bool(int64_t i, int64_t j)>;

const Sees kAll = [](int64_t, int64_t) { return true; };

/// One head of one sequence, in float64.
struct Head {
  at::Tensor q, k, v;  // (Lq, D), (Lk, D), (Lk, E)
};

/// Small whole numbers, so that products are exact in every dtype.
Head whole_numbers(int64_t Lq, int64_t Lk, int64_t D = 4, int64_t E = 3) {
  const auto draw = [&](int64_t rows, int64_t columns) {
    return torch::randint(-2, 3, {rows, columns}, at::kDouble);
  };
  return {draw(Lq, D), draw(Lk, D), draw(Lk, E)};
}

/// softmax of a row's numbers, each e^(s - max) over their sum; all 0 where all are -inf.
std::vector<double> softmax(const std::vector<double>& scores) {
  double top = -kInf, sum = 0;
  for (const double s : scores) top = std::max(top, s);
  std::vector<double> weights(scores.size(), 0.0);
  if (top == -kInf) return weights;
  for (size_t j = 0; j < scores.size(); ++j) sum += weights[j] = std::exp(scores[j] - top);
  for (double& w : weights) w /= sum;
  return weights;
}

/// Weights (Lq, Lk) of scores (Lq, Lk): softmax over what a query sees.
at::Tensor weights_of(const at::Tensor& scores, const Sees& sees) {
  auto weights = torch::zeros_like(scores);
  for (int64_t i = 0; i < scores.size(0); ++i) {
    std::vector<double> row;
    for (int64_t j = 0; j < scores.size(1); ++j)
      row.push_back(sees(i, j) ? scores[i][j].item<double>() : -kInf);
    const auto w = softmax(row);
    for (int64_t j = 0; j < scores.size(1); ++j) weights[i][j] = w[static_cast<size_t>(j)];
  }
  return weights;
}

at::Tensor dots(const Head& x) { return x.q.mm(x.k.t()); }  // (Lq, Lk)

/// What `sees` says as a mask (Lq, Lk): booleans, or 0 and `low`.
at::Tensor boolean_mask(int64_t Lq, int64_t Lk, const Sees& sees) {
  auto mask = torch::zeros({Lq, Lk}, at::kBool);
  for (int64_t i = 0; i < Lq; ++i)
    for (int64_t j = 0; j < Lk; ++j) mask[i][j] = sees(i, j);
  return mask;
}
at::Tensor added_mask(int64_t Lq, int64_t Lk, const Sees& sees, double low) {
  return torch::zeros({Lq, Lk}, at::kDouble).masked_fill(~boolean_mask(Lq, Lk, sees), low);
}

at::Tensor in_4d(const at::Tensor& x, at::ScalarType type) {
  return x.to(type).unsqueeze(0).unsqueeze(0);
}

/// Heed's output of that head in a dtype, as (Lq, E) of float64.
at::Tensor attended(const Head& x, const std::string& how, const AttendInputs& inputs = {},
                    at::ScalarType type = at::kDouble) {
  return attend(in_4d(x.q, type), in_4d(x.k, type), in_4d(x.v, type), how, inputs)[0][0].to(
      at::kDouble);
}

AttendInputs at_offset(int64_t offset) {
  AttendInputs inputs;
  inputs.query_offset = offset;
  return inputs;
}

testing::AssertionResult near(const at::Tensor& given, const at::Tensor& expected,
                              double tolerance) {
  if (given.sizes() == expected.sizes() && torch::allclose(given, expected, 0, tolerance))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "given\n" << given << "\nexpected\n" << expected;
}

/// By how much a number near 1 may be off.
double rounding(at::ScalarType type) {
  if (type == at::kDouble) return 1e-14;
  if (type == at::kFloat) return 1e-6;
  return type == at::kHalf ? 1e-3 : 8e-3;
}
const std::vector<at::ScalarType> kTypes = {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf};

double lowest(at::ScalarType type) {
  if (type == at::kDouble) return std::numeric_limits<double>::lowest();
  if (type == at::kFloat) return std::numeric_limits<float>::lowest();
  return type == at::kHalf ? -65504.0 : -0x1.fep127;
}

// Where queries stand.

TEST(Engines, CausalIsBottomRightAndTopLeftByOffset) {
  torch::manual_seed(1);
  for (const auto& [Lq, Lk] :
       std::vector<std::pair<int64_t, int64_t>>{{2, 5}, {5, 2}, {4, 4}, {1, 6}, {3, 7}}) {
    const auto x = whole_numbers(Lq, Lk);
    const auto right = [Lq = Lq, Lk = Lk](int64_t i, int64_t j) { return j <= i + Lk - Lq; };
    const auto left = [](int64_t i, int64_t j) { return j <= i; };
    EXPECT_TRUE(near(attended(x, "dot; causal"), weights_of(dots(x), right).mm(x.v), 1e-13));
    EXPECT_TRUE(
        near(attended(x, "dot; causal", at_offset(0)), weights_of(dots(x), left).mm(x.v), 1e-13));
  }
}

TEST(Engines, WindowsOfOthersAreWindows) {
  torch::manual_seed(2);
  const auto x = whole_numbers(12, 12);
  const auto check = [&](const std::string& how, const Sees& sees) {
    EXPECT_TRUE(near(attended(x, how), weights_of(dots(x), sees).mm(x.v), 1e-13)) << how;
  };
  // GroupQueryAttention of onnxruntime and fla count the query's own key: W keys in all.
  for (const int64_t W : {1, 2, 5})
    check("dot; window(" + std::to_string(W - 1) + ", 0)",
          [W](int64_t i, int64_t j) { return j <= i && j > i - W; });
  // ONNX's left_window_size counts the keys before it.
  for (const int64_t n : {0, 3})
    check("dot; window(" + std::to_string(n) + ", 0)",
          [n](int64_t i, int64_t j) { return j <= i && i - j <= n; });
  // ModernBERT's local_attention = 8 is the whole width.
  check("dot; window(4, 4)", [](int64_t i, int64_t j) { return std::abs(i - j) <= 8 / 2; });
  // Gemma 4 with a window of 4.
  check("dot; window(3, 0)", [](int64_t i, int64_t j) { return i - 3 <= j && j <= i; });
}

TEST(Engines, ACausalAndAGivenMaskBothHide) {
  torch::manual_seed(3);
  const auto x = whole_numbers(4, 4);
  const auto not_first = [](int64_t, int64_t j) { return j > 0; };
  const auto both = [](int64_t i, int64_t j) { return j > 0 && j <= i; };
  for (const auto& mask : {boolean_mask(4, 4, not_first), added_mask(4, 4, not_first, -kInf)}) {
    AttendInputs inputs;
    inputs.attn_mask = mask;
    EXPECT_TRUE(near(attended(x, "dot; causal", inputs), weights_of(dots(x), both).mm(x.v), 1e-13));
  }
}

TEST(Engines, StickBreakingIsGeometricOneKeyBack) {
  torch::manual_seed(4);
  const auto x = whole_numbers(7, 7);
  const auto s = dots(x);
  auto weights = torch::zeros({7, 7}, at::kDouble);
  for (int64_t i = 0; i < 7; ++i) {
    double left = 1;  // of the stick
    for (int64_t j = i - 1; j >= 0; --j) {
      const double beta = 1 / (1 + std::exp(-s[i][j].item<double>()));
      weights[i][j] = beta * left;
      left *= 1 - beta;
    }
  }
  EXPECT_TRUE(near(attended(x, "dot; geometric; causal", at_offset(-1)), weights.mm(x.v), 1e-13));
}

// Rows that see nothing.

/// Ways to hide every key from every query.
std::vector<AttendInputs> all_hidden(int64_t Lq, int64_t Lk, at::ScalarType type) {
  const Sees none = [](int64_t, int64_t) { return false; };
  std::vector<AttendInputs> ways(4);
  ways[0].attn_mask = boolean_mask(Lq, Lk, none);
  ways[1].attn_mask = added_mask(Lq, Lk, none, -kInf).to(type);
  ways[2].key_lengths = torch::zeros({1}, at::kLong);
  ways[3].bias = torch::full({Lq, Lk}, -kInf, type);
  return ways;
}

TEST(Engines, ARowThatSeesNothingIsZeroHoweverItIsHidden) {
  torch::manual_seed(5);
  const auto x = whole_numbers(3, 5);
  for (const auto type : kTypes) {
    int way = 0;
    for (const auto& inputs : all_hidden(3, 5, type)) {
      for (const char* normalizer : {"softmax", "sparsemax", "entmax15", "sigmoid", "hard"}) {
        std::vector<at::Tensor> leaves;
        for (const auto& t : {x.q, x.k, x.v})
          leaves.push_back(in_4d(t, type).detach().requires_grad_());
        const auto out =
            attend(leaves[0], leaves[1], leaves[2], std::string("dot; ") + normalizer, inputs);
        EXPECT_TRUE(out.eq(0).all().item<bool>()) << normalizer << " " << type << " way " << way;
        for (const auto& grad : torch::autograd::grad({out}, leaves, {torch::ones_like(out)}))
          EXPECT_TRUE(grad.eq(0).all().item<bool>()) << normalizer << " " << type << " way " << way;
      }
      const auto rows = std::get<1>(attend_with_logsumexp(
          in_4d(x.q, type), in_4d(x.k, type), in_4d(x.v, type), Attention::parse("dot"), inputs));
      EXPECT_TRUE(torch::isneginf(rows).all().item<bool>()) << type << " way " << way;
      ++way;
    }
  }
}

TEST(Engines, PartsMergeByTheirLogSumExpEvenWhereOneIsEmpty) {
  torch::manual_seed(6);
  const auto x = whole_numbers(6, 6);
  const auto causal = [](int64_t i, int64_t j) { return j <= i; };
  at::Tensor outs[2], rows[2];
  for (const int64_t part : {0, 1}) {  // keys 0..2 and 3..5: the second is empty for queries 0..2
    const auto keys = x.k.narrow(0, 3 * part, 3), values = x.v.narrow(0, 3 * part, 3);
    const auto [out, lse] = attend_with_logsumexp(
        in_4d(x.q, at::kDouble), in_4d(keys, at::kDouble), in_4d(values, at::kDouble),
        Attention::parse("dot; causal"), at_offset(-3 * part));
    outs[part] = out[0][0], rows[part] = lse[0][0].unsqueeze(1);
  }
  const auto whole = torch::logaddexp(rows[0], rows[1]);
  const auto merged = (rows[0] - whole).exp() * outs[0] + (rows[1] - whole).exp() * outs[1];
  EXPECT_TRUE(near(merged, weights_of(dots(x), causal).mm(x.v), 1e-13));
}

// Finite masks. The plain formula below is what PyTorch's math backend computes.

struct Gradients {
  at::Tensor out, q, k, v;
};

/// softmax((q k^T as a number of the dtype) + mask, rounded to the dtype) v and its gradients for
/// the loss sum(g * out).
Gradients by_formula(const Head& x, const at::Tensor& mask, at::ScalarType compute,
                     const at::Tensor& g) {
  const auto scores = (dots(x) + mask).to(compute).to(at::kDouble);
  const auto w = weights_of(scores, kAll);
  Gradients r;
  r.out = w.mm(x.v);
  r.v = w.t().mm(g);
  const auto ds = w * (g.mm(x.v.t()) - (g * r.out).sum(1, /*keepdim=*/true));
  r.q = ds.mm(x.k), r.k = ds.t().mm(x.q);
  return r;
}

Gradients by_heed(const Head& x, const AttendInputs& inputs, at::ScalarType type,
                  const at::Tensor& g) {
  std::vector<at::Tensor> leaves;
  for (const auto& t : {x.q, x.k, x.v}) leaves.push_back(in_4d(t, type).detach().requires_grad_());
  const auto out = attend(leaves[0], leaves[1], leaves[2], "dot", inputs);
  const auto grads = torch::autograd::grad({out}, leaves, {in_4d(g, type)});
  const auto plain = [](const at::Tensor& t) { return t.detach()[0][0].to(at::kDouble); };
  return {plain(out), plain(grads[0]), plain(grads[1]), plain(grads[2])};
}

/// A mask of 0 and `low`, as mask and as bias, against the formula.
void expect_finite_mask(const Head& x, const Sees& sees, double low, at::ScalarType type) {
  const auto compute = type == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t Lq = x.q.size(0), Lk = x.k.size(0);
  const auto mask = added_mask(Lq, Lk, sees, low).to(type);
  const auto g = torch::randint(-2, 3, {Lq, x.v.size(1)}, at::kDouble);
  const auto expected = by_formula(x, mask.to(at::kDouble), compute, g);
  for (const bool as_bias : {false, true}) {
    AttendInputs inputs;
    (as_bias ? inputs.bias : inputs.attn_mask) = mask;
    const auto got = by_heed(x, inputs, type, g);
    const double tolerance = 2 * static_cast<double>(std::max(Lq, Lk)) * rounding(type);
    const auto about = testing::Message() << type << " " << low << (as_bias ? " bias" : " mask");
    EXPECT_TRUE(near(got.out, expected.out, 4 * rounding(type))) << about;
    EXPECT_TRUE(near(got.q, expected.q, tolerance)) << about << " q";
    EXPECT_TRUE(near(got.k, expected.k, tolerance)) << about << " k";
    EXPECT_TRUE(near(got.v, expected.v, tolerance)) << about << " v";
  }
}

/// What model code writes for "hidden"; every one a number that the dtype has.
std::vector<double> low_numbers(at::ScalarType type) {
  if (type == at::kHalf) return {-1e4, lowest(type)};
  return {-1e4, -1e9, -1e20, lowest(type) / 2, lowest(type)};
}

TEST(Engines, ARowOfOneLowNumberIsTheMean) {
  torch::manual_seed(7);
  const auto x = whole_numbers(4, 6);
  const Head one = {x.q.narrow(0, 0, 1), x.k, x.v};  // as in decoding
  const auto hidden_row = [](int64_t i, int64_t) { return i != 1; };
  for (const auto type : kTypes) {
    for (const double low : low_numbers(type)) expect_finite_mask(x, hidden_row, low, type);
    if (type == at::kHalf) continue;  // beside -65504 float32 has room for the scores
    AttendInputs inputs;
    inputs.attn_mask = torch::full({1, 6}, lowest(type), type);
    EXPECT_TRUE(
        near(attended(one, "dot", inputs, type), x.v.mean(0, /*keepdim=*/true), 4 * rounding(type)))
        << type;
  }
}

TEST(Engines, LeftPaddingAndCausalByLowNumbers) {
  torch::manual_seed(8);
  const auto x = whole_numbers(100, 100);
  const auto sees = [](int64_t i, int64_t j) { return j >= 96 && j <= i; };
  for (const auto type : {at::kDouble, at::kFloat})
    for (const double low : low_numbers(type)) expect_finite_mask(x, sees, low, type);
}

TEST(Engines, WhatIsHiddenCannotWinByItsScore) {
  // A filler of -10,000 would lose to it: the scores of what is seen are lower.
  Head x = whole_numbers(1, 4);
  x.q = torch::ones({1, 4}, at::kDouble), x.k = torch::zeros({4, 4}, at::kDouble);
  x.k.slice(0, 1, 4).fill_(-5000);
  const auto real = [](int64_t, int64_t j) { return j > 0; };
  AttendInputs boolean, added;
  boolean.attn_mask = boolean_mask(1, 4, real);
  added.attn_mask = added_mask(1, 4, real, -kInf).to(at::kFloat);
  const auto mean = x.v.slice(0, 1, 4).mean(0, /*keepdim=*/true);
  for (const auto& inputs : {boolean, added})
    EXPECT_TRUE(near(attended(x, "dot", inputs, at::kFloat), mean, 1e-6));
}

TEST(Engines, ManyEqualKeysGiveTheirMean) {
  torch::manual_seed(9);
  const int64_t Lk = 65536;
  const auto v = torch::rand({1, 1, Lk, 4}) + 1;
  const auto out = attend(torch::ones({1, 1, 1, 4}), torch::ones({1, 1, Lk, 4}), v, "dot");
  EXPECT_TRUE(near(out[0][0].to(at::kDouble), v.to(at::kDouble)[0][0].mean(0, true), 3e-6));
}

// What stands in a mask, and in which order.

TEST(Engines, MasksOfWholeNumbersAreRefused) {
  const auto x = torch::zeros({1, 1, 2, 2});
  for (const auto type : {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong}) {
    AttendInputs inputs;
    inputs.attn_mask = torch::ones({2, 2}, type);
    EXPECT_THROW(attend(x, x, x, "dot", inputs), UsageError) << type;
  }
}

TEST(Engines, AMaskOfOneColumnHoldsForAllKeys) {
  torch::manual_seed(10);
  const auto x = whole_numbers(3, 5);
  AttendInputs inputs;
  inputs.attn_mask = torch::tensor({true, false, true}).view({3, 1});
  const auto rows = [](int64_t i, int64_t) { return i != 1; };
  EXPECT_TRUE(near(attended(x, "dot", inputs), weights_of(dots(x), rows).mm(x.v), 1e-13));
}

TEST(Engines, TheCapComesBeforeTheMask) {
  torch::manual_seed(11);
  const auto x = whole_numbers(4, 5);
  const auto added = torch::randint(-9, 1, {4, 5}, at::kDouble).index_put_({0, 0}, -kInf);
  AttendInputs inputs;
  inputs.attn_mask = added;
  const auto scores = 2 * torch::tanh(dots(x) / 2) + added;
  EXPECT_TRUE(
      near(attended(x, "dot; softcap(2)", inputs), weights_of(scores, kAll).mm(x.v), 1e-13));
}

TEST(Engines, ATableOfDistancesIsAddedAsItIs) {
  torch::manual_seed(12);
  const auto x = whole_numbers(4, 4);
  const auto table = torch::randn({1, 8}, at::kDouble);  // distances under 4 have a bucket each
  AttendInputs inputs;
  inputs.parameters = {{"relative.table", table}};
  auto scores = dots(x) / 2;  // 1 / sqrt(4)
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j <= i; ++j) scores[i][j] += table[0][i - j];
  const auto causal = [](int64_t i, int64_t j) { return j <= i; };
  EXPECT_TRUE(near(attended(x, "scaled_dot; relative(8, 16, both=0); causal", inputs),
                   weights_of(scores, causal).mm(x.v), 1e-13));
}

TEST(Engines, AlibiCountsOnceAndTwelveHeadsHaveThePapersSlopes) {
  const auto zeros = torch::zeros({1, 12, 5, 4}, at::kDouble);
  const auto v = torch::eye(5, at::kDouble).expand({1, 12, 5, 5});  // the output is the weights
  const auto out = attend(zeros, zeros, v, "dot; alibi; causal");
  for (int64_t h = 0; h < 12; ++h) {
    const double slope = h < 8 ? std::pow(2, -(h + 1.0)) : std::pow(2, -(h - 8 + 0.5));
    for (int64_t i = 0; i < 5; ++i)
      for (int64_t j = 0; j < i; ++j)
        EXPECT_NEAR(std::log((out[0][h][i][i] / out[0][h][i][j]).item<double>()),
                    slope * static_cast<double>(i - j), 1e-12)
            << h << " " << i << " " << j;
  }
}

// Scales that upset others.

TEST(Engines, CausalWithATinyOrNegativeScale) {
  torch::manual_seed(13);
  const auto x = whole_numbers(70, 70);
  const auto causal = [](int64_t i, int64_t j) { return j <= i; };
  const auto expected = [&](double scale) { return weights_of(dots(x) * scale, causal).mm(x.v); };
  const Head negated = {-x.q, x.k, x.v};
  for (const auto type : kTypes) {
    const double close = 4 * rounding(type);
    EXPECT_TRUE(near(attended(x, "uniform; causal", {}, type), expected(0), close)) << type;
    EXPECT_TRUE(near(attended(x, "scaled_dot(1e-46); causal", {}, type), expected(0), close))
        << type;
    EXPECT_TRUE(near(attended(negated, "dot; causal", {}, type), expected(-1), close)) << type;
  }
  EXPECT_THROW(attended(x, "scaled_dot(-1); causal"), UsageError);
}

// Choices, maps, dropout.

TEST(Engines, TheLowerOfEqualKeysComesFirst) {
  const auto q = torch::ones({1, 1, 1, 2}), k = torch::ones({1, 1, 40, 2});
  const auto v = torch::arange(40, at::kFloat).view({1, 1, 40, 1});
  EXPECT_EQ(attend(q, k, v, "dot; hard").item<float>(), 0);
  const auto how = Attention::parse("dot");
  const Map map("layer", q, k, std::get<1>(attend_with_row_stats(q, k, v, how)), how, {});
  EXPECT_TRUE(std::get<1>(map.top_k(0, 20)).equal(torch::arange(20)));
  const auto sparse = attend(q, k, torch::eye(40).view({1, 1, 40, 40}), "dot; sparsemax");
  EXPECT_TRUE(torch::allclose(sparse, torch::full_like(sparse, 1.0 / 40)));
}

TEST(Engines, AMapsWeightsAreThoseThatMadeTheOutput) {
  torch::manual_seed(14);
  const auto draw = [] { return torch::randn({2, 4, 9, 8}, at::kDouble); };
  const auto q = draw(), k = draw(), v = draw();
  for (const char* text : {"alibi; causal", "softcap(2); causal", "dot; sparsemax; alibi",
                           "window(3, 0); entmax15", "causal; sigmoid", "dot; geometric; causal"}) {
    const auto how = Attention::parse(text);
    const auto [out, row_stats] = attend_with_row_stats(q, k, v, how);
    const Map map("layer", q, k, row_stats, how, {});
    for (int64_t b = 0; b < 2; ++b) {
      const auto weights = map.dense(b);  // (H, Lq, Lk)
      EXPECT_TRUE(torch::allclose(torch::matmul(weights, v[b]), out[b], 1e-12, 1e-13)) << text;
      if (how.has_mask("causal")) {
        EXPECT_TRUE(weights.triu(1).eq(0).all().item<bool>()) << text;
      }
    }
  }
}

TEST(Engines, DropoutIsDrawnForEveryHeadAndSequence) {
  const auto zeros = torch::zeros({2, 2, 16, 4});
  AttendInputs inputs;
  inputs.training = true, inputs.seed = 1;
  const auto lost =
      attend(zeros, zeros, torch::eye(16).expand({2, 2, 16, 16}), "dot; dropout=0.5", inputs).eq(0);
  EXPECT_FALSE(lost[0][0].equal(lost[0][1]));
  EXPECT_FALSE(lost[0][0].equal(lost[1][0]));
  EXPECT_NEAR(lost.to(at::kDouble).mean().item<double>(), 0.5, 0.06);  // 4 deviations
}

}  // namespace
}  // namespace heed
