// What LibTorch's operators compute, before the kernels or in their place, keeps the promises of
// the kernels: bits depend neither on threads nor on other rows, what is hidden has no influence,
// every input has a gradient. And formulas that kernels and reference share are those published.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "heed/core/threads.h"
#include "ops/cases.h"
#include "ops/op_definition.h"

namespace heed::test {
namespace {

using By = std::function<at::Tensor(const Tensors&)>;

/// Computed by LibTorch's operators, wholly or before the kernels.
const std::vector<std::string>& formulas() {
  static const std::vector<std::string> all = {"general",
                                               "transformer_xl",
                                               "relative",
                                               "shaw(20)",
                                               "cosine",
                                               "feed_forward(query=0)",
                                               "feed_forward(query=0, layers=2, activation=gelu)",
                                               "feed_forward(activation=gelu)",
                                               "feed_forward(layers=2)",
                                               "geometric",
                                               "general; geometric",
                                               "talking",
                                               "talking; transformer_xl",
                                               "talking; shaw(5, values=1)",
                                               "talking; relative(8, 20)",
                                               "talking; entmax15"};
  return all;
}

void expect_all_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                     const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_TRUE(a[i].defined() && b[i].defined()) << what << " leaf " << i;
    EXPECT_TRUE(torch::equal(a[i], b[i])) << what << " leaf " << i;
  }
}

at::Tensor weight_of(const Tensors& t) {
  torch::manual_seed(8);
  return torch::randn({t.q.size(0), t.q.size(1), t.q.size(2), t.v.size(3)}, at::kDouble);
}

bool is_network(const std::string& how) {
  return how.find("feed_forward") == 0 && how.find("query=0") == how.npos;
}

bool has_no_kernel(const std::string& how) {
  return is_network(how) || how.find("talking") != how.npos || how.find("geometric") != how.npos;
}

// Sizes at which LibTorch and its BLAS would share the work between threads.
TEST(FormulaPath, TheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const auto& how : formulas()) {
    Case c{.B = 2, .H = 4, .G = 4, .Lq = 500, .Lk = 500, .D = 64, .E = 16, .how = how};
    if (has_no_kernel(how)) c.H = c.G = 2, c.Lq = c.Lk = 150, c.D = 32;
    if (is_network(how)) c.Lq = c.Lk = 70, c.D = 33;
    if (how == "general") c.B = 5, c.D = 128;
    const auto t = make(c).to(at::kFloat);
    at::Tensor first;
    std::vector<at::Tensor> first_grads;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const auto out = attend(t);
      const auto grads = gradients(attend, t, weight_of(t));
      if (!first.defined()) first = out, first_grads = grads;
      EXPECT_TRUE(torch::equal(out, first)) << how << " " << threads;
      expect_all_same(grads, first_grads, how + " " + std::to_string(threads));
    }
  }
  set_num_threads(before);
}

TEST(FormulaPath, ComputesTheSameInInferenceMode) {
  const int before = num_threads();
  set_num_threads(3);
  for (const auto& how : formulas()) {
    const auto t = make({.B = 5, .H = 4, .Lq = 130, .Lk = 130, .D = 8, .how = how}).to(at::kFloat);
    const auto out = attend(t);
    const c10::InferenceMode inference;
    EXPECT_TRUE(torch::equal(attend(t), out)) << how;
  }
  set_num_threads(before);
}

TEST(FormulaPath, ARowsBitsDependOnItAlone) {
  for (const auto& how : formulas())
    for (const char* mask : {"", "; causal", "; window(20,5)"}) {
      if (how.find("entmax") != how.npos && *mask == ';') continue;
      if (std::string(mask).find("window") != std::string::npos && !has_no_kernel(how)) continue;
      Case c{.B = 3, .H = 4, .G = 2, .Lq = 100, .Lk = 100, .D = 12, .E = 5, .how = how + mask};
      c.lengths = true;
      auto t = make(c).to(at::kFloat);
      t.inputs.key_lengths = torch::tensor({100, 37, 65}, at::kLong);
      const auto all = attend(t);
      auto row = t;
      for (int64_t i = 0; i < 100; i += 7) {
        row.q = t.q.narrow(2, i, 1), row.inputs.query_offset = i;
        EXPECT_TRUE(torch::equal(attend(row), all.narrow(2, i, 1))) << c.how << " row " << i;
      }
      for (int64_t b = 0; b < 3; ++b) {  // alone, without the padding
        const int64_t length = (*t.inputs.key_lengths)[b].item<int64_t>();
        auto one = t;
        one.q = t.q.narrow(0, b, 1).narrow(2, 0, length), one.inputs.query_offset = 0;
        one.k = t.k.narrow(0, b, 1).narrow(2, 0, length);
        one.v = t.v.narrow(0, b, 1).narrow(2, 0, length);
        one.inputs.key_lengths = torch::tensor({length}, at::kLong);
        EXPECT_TRUE(torch::equal(attend(one)[0], all[b].narrow(1, 0, length)))
            << c.how << " batch " << b;
      }
    }
}

// Keys 20 .. 29 hidden from all rows by one mask or another.
std::vector<Tensors> hiding(const std::string& how) {
  std::vector<Tensors> all;
  const auto add = [&](const std::string& mask, const auto& give) {
    Case c{.Lq = 10, .Lk = 30, .D = 6, .how = mask.empty() ? how : how + "; " + mask};
    c.H = 4, c.G = 2, c.seed = 3;
    auto t = make(c).to(at::kFloat);
    t.inputs.query_offset = 0;
    if (t.how.has_mask("adaptive_span"))
      t.inputs.parameters["adaptive_span.span"] = torch::tensor({0.05f, 0.f, 0.1f, 0.05f});
    give(t.inputs);
    all.push_back(t);
  };
  const auto behind = torch::arange(30) >= 20;
  const auto numbers = torch::randn({10, 30}).masked_fill(behind, -INFINITY);
  add("causal", [](auto&) {});
  add("window(-1,10)", [](auto&) {});
  add("adaptive_span(20, ramp=7)", [](auto&) {});
  add("key_lengths", [](auto& in) { in.key_lengths = torch::tensor({20, 13}, at::kLong); });
  add("segment_ids", [&](auto& in) { in.segment_ids = behind.to(at::kLong).expand({2, 30}); });
  add("block_mask(10)", [](auto& in) { in.block_mask = torch::tensor({{true, true, false}}); });
  add("", [&](auto& in) { in.attn_mask = behind.logical_not().expand({10, 30}); });
  add("", [&](auto& in) { in.attn_mask = numbers; });
  if (has_no_kernel(how)) add("", [&](auto& in) { in.bias = numbers; });
  return all;
}

TEST(FormulaPath, WhatAnyMaskHidesChangesNoBit) {
  for (const auto& how : formulas())
    for (const auto& clean : hiding(how)) {
      const auto weight = weight_of(clean);
      const auto out = attend(clean);
      const auto grads = gradients(attend, clean, weight);
      ASSERT_TRUE(torch::isfinite(out).all().item<bool>()) << clean.how.text();
      for (const double bad : {double(NAN), double(INFINITY)}) {
        auto spoiled = clean;
        spoiled.k = clean.k.clone(), spoiled.v = clean.v.clone();
        spoiled.k.narrow(2, 20, 10).fill_(bad), spoiled.v.narrow(2, 20, 10).fill_(bad);
        EXPECT_TRUE(torch::equal(attend(spoiled), out)) << clean.how.text();
        if (std::isnan(bad)) continue;
        expect_all_same(gradients(attend, spoiled, weight), grads, clean.how.text());
      }
    }
}

TEST(FormulaPath, ANaNReachesTheRowsThatSeeItAndNoOthers) {
  for (const auto& how : formulas()) {
    const auto clean =
        make({.H = 4, .Lq = 40, .Lk = 40, .D = 6, .how = how + "; causal"}).to(at::kFloat);
    auto spoiled = clean;
    spoiled.k = clean.k.clone(), spoiled.v = clean.v.clone();
    spoiled.k.select(2, 22).fill_(NAN), spoiled.v.select(2, 22).fill_(NAN);
    const auto a = attend(clean), b = attend(spoiled);
    EXPECT_TRUE(torch::equal(a.narrow(2, 0, 22), b.narrow(2, 0, 22))) << how;
    EXPECT_TRUE(torch::isnan(b.narrow(2, 22, 18)).all().item<bool>()) << how;
    const auto of_a = gradients(attend, clean, weight_of(clean));
    const auto of_b = gradients(attend, spoiled, weight_of(clean));
    EXPECT_TRUE(torch::equal(of_a[0].narrow(2, 0, 22), of_b[0].narrow(2, 0, 22))) << how;
  }
}

TEST(FormulaPath, AnInputThatPlaysNoPartHasAGradientOfZeros) {
  for (const char* how :
       {"uniform", "uniform; geometric", "uniform; talking", "location(9)",
        "location(9); geometric", "feed_forward(query=0)", "feed_forward(query=0); geometric"}) {
    const auto t = make({.how = how});
    const bool keys_alone = std::string(how).find("feed") == 0;
    for (const auto& f : {By(attend), By(reference)}) {
      const auto grads = gradients(f, t, weight_of(t));
      for (const size_t i : {0, 1}) {
        ASSERT_TRUE(grads[i].defined()) << how << i;
        const bool plays = keys_alone ? i == 1 : i == 0 && std::string(how).find("loc") == 0;
        if (plays) continue;
        EXPECT_EQ(grads[i].abs().max().item<double>(), 0) << how << i;
      }
    }
  }
}

TEST(FormulaPath, AnAdaptiveSpanHasOneGradientWhereItStarts) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto t = make({.Lq = 21, .Lk = 21, .how = "adaptive_span(100)"}).to(type);
    t.inputs.parameters["adaptive_span.span"] = torch::tensor({0.05, 0.0}, type);
    const auto weight = weight_of(t);
    const auto of_kernels = gradients(attend, t, weight),
               of_formula = gradients(reference, t, weight);
    EXPECT_TRUE(close(of_kernels[3], of_formula[3], 1e-4, 1e-4)) << type;
  }
  // One query at 10, z = 5: the key at distance 5 has m = 1 exactly.
  auto p = torch::tensor({0.05f}).requires_grad_();
  auto v = torch::zeros({1, 1, 11, 1});
  v[0][0][5] = 1;
  AttendInputs inputs;
  inputs.parameters["adaptive_span.span"] = p;
  const auto out = heed::attend(torch::zeros({1, 1, 1, 4}), torch::zeros({1, 1, 11, 4}), v,
                                "scaled_dot; adaptive_span(100)", inputs);
  out.sum().backward();
  EXPECT_NEAR(p.grad().item<double>(), 0.12768, 1e-5);
}

// The scale is what the scores are multiplied with; so small a one leaves none.
TEST(FormulaPath, ATinyScaleMakesAllVisibleKeysAlike) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    const auto t = make({.Lq = 7, .Lk = 7, .how = "scaled_dot(1e-30); causal"}).to(type);
    const auto mean = t.v.to(at::kDouble).cumsum(2) / torch::arange(1, 8, at::kDouble).view({7, 1});
    EXPECT_TRUE(close(attend(t), mean, type == at::kBFloat16 ? 1e-2 : 1e-6, 0)) << type;
    auto zeros = t;
    zeros.how = Attention::parse("dot; causal"), zeros.q = torch::zeros_like(t.q);
    EXPECT_TRUE(close(attend(zeros), mean, type == at::kBFloat16 ? 1e-2 : 1e-6, 0)) << type;
    for (const auto& grad : gradients(attend, t, weight_of(t)))
      EXPECT_TRUE(torch::isfinite(grad).all().item<bool>()) << type;
  }
}

/// The scores themselves, as both kernels and reference have them: sigmoid's inverse of the weights
/// on values that name their key.
at::Tensor scores_of(const std::string& how, int64_t H, int64_t Lq, int64_t Lk, int64_t offset,
                     const std::map<std::string, at::Tensor>& parameters, const at::Tensor& q) {
  AttendInputs inputs;
  inputs.parameters = parameters, inputs.query_offset = offset;
  const auto k = torch::zeros({1, H, Lk, q.size(3)}, at::kDouble);
  const auto v = torch::eye(Lk, at::kDouble).expand({1, H, Lk, Lk});
  const auto weights = heed::attend(q, k, v, how + "; sigmoid(0)", inputs);
  return torch::log(weights / (1 - weights))[0];  // (H, Lq, Lk)
}

TEST(FormulaPath, RelativeHasTheBucketsOfT5) {
  const std::vector<int64_t> distances = {-128, -9, -8, -7, -1, 0, 1, 7, 8, 9, 128};
  const std::vector<int64_t> encoder = {15, 8, 8, 7, 1, 0, 17, 23, 24, 24, 31};
  const std::vector<int64_t> decoder = {31, 9, 8, 7, 1, 0, 0, 0, 0, 0, 0};
  const auto table = torch::arange(32, at::kDouble).view({1, 32}) / 8;
  const auto q = torch::zeros({1, 1, 1, 2}, at::kDouble);
  for (const bool both : {true, false})
    for (const char* other : {"", "; talking"}) {  // by kernels and by blocks
      std::map<std::string, at::Tensor> parameters = {{"relative.table", table}};
      if (*other)
        for (const char* name : {"talking.scores", "talking.weights"})
          parameters[name] = torch::zeros({1, 1}, at::kDouble);
      const auto found = scores_of(
          std::string(both ? "uniform; relative(32, 128)" : "uniform; relative(32, 128, both=0)") +
              other,
          1, 1, 257, 128, parameters, q)[0][0];
      for (size_t i = 0; i < distances.size(); ++i)
        EXPECT_NEAR(found[128 + distances[i]].item<double>() * 8, (both ? encoder : decoder)[i],
                    1e-6)
            << distances[i] << other;
    }
}

TEST(FormulaPath, AlibiHasThePublishedSlopes) {
  const std::map<int64_t, std::vector<double>> published = {
      {8, {1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32, 1. / 64, 1. / 128, 1. / 256}},
      {12,
       {1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32, 1. / 64, 1. / 128, 1. / 256, 0.70710678,
        0.35355339, 0.17677670, 0.08838835}}};
  for (const auto& [H, slopes] : published) {
    const auto found =
        scores_of("uniform; alibi", H, 1, 5, 4, {}, torch::zeros({1, H, 1, 2}, at::kDouble));
    for (int64_t h = 0; h < H; ++h)
      for (int64_t j = 0; j < 5; ++j)
        EXPECT_NEAR(found[h][0][j].item<double>(), -slopes[h] * static_cast<double>(4 - j), 1e-7);
  }
}

// With the identity as projection the score of a query is one wave of the distance p - j.
TEST(FormulaPath, TransformerXlHasTheWavesOfThePaper) {
  constexpr int64_t D = 6, L = 9;
  for (int64_t wave = 0; wave < D; ++wave) {
    auto q = torch::zeros({1, 1, L, D}, at::kDouble);
    q.select(3, wave).fill_(1);
    const std::map<std::string, at::Tensor> parameters = {
        {"transformer_xl.content_bias", torch::zeros({1, D}, at::kDouble)},
        {"transformer_xl.position_bias", torch::zeros({1, D}, at::kDouble)},
        {"transformer_xl.projection", torch::eye(D, at::kDouble).unsqueeze(0)}};
    const auto found = scores_of("dot; transformer_xl", 1, L, L, 0, parameters, q);
    for (int64_t i = 0; i < L; ++i)
      for (int64_t j = 0; j < L; ++j) {
        const double angle =
            static_cast<double>(i - j) / std::pow(10000.0, 2.0 * double(wave % 3) / 6);
        EXPECT_NEAR(found[0][i][j].item<double>(), wave < 3 ? std::sin(angle) : std::cos(angle),
                    1e-9)
            << wave;
      }
  }
}

}  // namespace
}  // namespace heed::test
