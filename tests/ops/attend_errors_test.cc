// Every refused argument: the message names it, what was expected and what was given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// The message after `change` of a good call.
std::string refusal(const std::function<void(Tensors&)>& change) {
  auto t = make({.B = 2, .H = 4, .G = 2, .Lq = 5, .Lk = 7, .D = 8, .E = 3}).to(at::kFloat);
  change(t);
  try {
    attend(t);
  } catch (const UsageError& e) {
    EXPECT_THROW(reference(t), UsageError);
    return e.what();
  }
  return "accepted";
}

auto says(const char* argument, const char* expected, const char* given) {
  return AllOf(HasSubstr("attend: " + std::string(argument) + ": expected"), HasSubstr(expected),
               HasSubstr(given));
}

TEST(AttendErrors, Shapes) {
  EXPECT_THAT(refusal([](auto& t) { t.q = t.q[0]; }), says("q", "(B, H, Lq, D)", "[4, 5, 8]"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k[0]; }), says("k", "(B, G, Lk, D)", "[2, 7, 8]"));
  EXPECT_THAT(refusal([](auto& t) { t.v = t.v[0]; }), says("v", "(B, G, Lk, E)", "[2, 7, 3]"));
  EXPECT_THAT(refusal([](auto& t) { t.q = at::Tensor(); }), says("q", "a tensor", "undefined"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k.slice(0, 0, 1); }), says("k", "B=2", "[1, 2, 7, 8]"));
  EXPECT_THAT(refusal([](auto& t) { t.v = t.v.slice(0, 0, 1); }), says("v", "B=2", "[1, 2, 7, 3]"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k.slice(3, 0, 6); }), says("k", "D=8", "[2, 2, 7, 6]"));
  EXPECT_THAT(refusal([](auto& t) { t.v = t.v.slice(1, 0, 1); }), says("v", "G=2", "[2, 1, 7, 3]"));
  EXPECT_THAT(refusal([](auto& t) { t.v = t.v.slice(2, 0, 6); }),
              says("v", "Lk=7", "[2, 2, 6, 3]"));
  EXPECT_THAT(refusal([](auto& t) { t.q = t.q.slice(1, 0, 3); }),
              says("k", "divides the 3 heads", "given 2"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k.slice(1, 0, 0), t.v = t.v.slice(1, 0, 0); }),
              says("k", "divides the 4 heads", "given 0"));
}

TEST(AttendErrors, Dtypes) {
  EXPECT_THAT(refusal([](auto& t) { t.q = t.q.to(at::kInt); }), says("q", "float32", "int"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k.to(at::kDouble); }),
              says("k", "dtype of q, float", "double"));
  EXPECT_THAT(refusal([](auto& t) { t.v = t.v.to(at::kHalf); }),
              says("v", "dtype of q, float", "Half"));
  EXPECT_THAT(refusal([](auto& t) { t.k = t.k.to(at::kMeta); }),
              says("k", "device of q, cpu", "meta"));
  EXPECT_THAT(refusal([](auto& t) { t.q = t.q.to_sparse(); }), says("q", "dense", "Sparse"));
}

TEST(AttendErrors, Lengths) {
  const auto given = [](const at::Tensor& lengths) {
    return refusal([&](auto& t) { t.inputs.key_lengths = lengths; });
  };
  EXPECT_THAT(given(torch::tensor({1, 2, 3}, at::kLong)), says("key_lengths", "(B) = [2]", "[3]"));
  EXPECT_THAT(given(torch::ones({2, 1}, at::kLong)), says("key_lengths", "(B) = [2]", "[2, 1]"));
  EXPECT_THAT(given(torch::tensor({1, 2}, at::kInt)), says("key_lengths", "int64", "int"));
  EXPECT_THAT(given(torch::tensor({1, 8}, at::kLong)), says("key_lengths", "0 to Lk=7", "given 8"));
  EXPECT_THAT(given(torch::tensor({-1, 8}, at::kLong)),
              says("key_lengths", "0 to Lk=7", "given -1"));
  EXPECT_THAT(refusal([](auto& t) { t.how = Attention::parse("key_lengths"); }),
              says("key_lengths", "a tensor", "none is given"));
}

TEST(AttendErrors, MaskAndBias) {
  const auto mask = [](const at::Tensor& m) {
    return refusal([&](auto& t) { t.inputs.attn_mask = m; });
  };
  const auto bias = [](const at::Tensor& b) {
    return refusal([&](auto& t) { t.inputs.bias = b; });
  };
  EXPECT_THAT(mask(torch::ones({5, 6}, at::kBool)), says("attn_mask", "[2, 4, 5, 7]", "[5, 6]"));
  EXPECT_THAT(mask(torch::ones({1, 1, 1, 5, 7}, at::kBool)),
              says("attn_mask", "[2, 4, 5, 7]", "[1, 1, 1, 5, 7]"));
  EXPECT_THAT(mask(torch::ones({5, 7}, at::kLong)),
              says("attn_mask", "bool or that of q, float", "long"));
  EXPECT_THAT(mask(torch::ones({5, 7}, at::kDouble)),
              says("attn_mask", "bool or that of q, float", "double"));
  EXPECT_THAT(bias(torch::ones({3, 5, 7})), says("bias", "[2, 4, 5, 7]", "[3, 5, 7]"));
  EXPECT_THAT(bias(torch::ones({5, 7}, at::kBool)), says("bias", "that of q, float", "bool"));
  EXPECT_THAT(refusal([](auto& t) { t.how = Attention::parse("attn_mask"); }),
              says("attn_mask", "'attn_mask'", "none is given"));
  EXPECT_THAT(refusal([](auto& t) { t.how = Attention::parse("bias"); }),
              says("bias", "'bias'", "none is given"));
  EXPECT_THAT(refusal([](auto& t) { t.inputs.query_offset = int64_t{1} << 40; }),
              says("query_offset", "2^31", "given 1099511627776"));
}

TEST(AttendErrors, AnAttentionMadeInCodeIsChecked) {
  EXPECT_THAT(refusal([](auto& t) { t.how.dropout = 2; }), HasSubstr("[0, 1)"));
  EXPECT_THAT(refusal([](auto& t) { t.how.score = {"scaled_dat"}; }),
              HasSubstr("did you mean 'scaled_dot'"));
}

TEST(AttendErrors, TheTextFormRefusesWhatAModuleWouldDo) {
  const auto t = make({.H = 4, .G = 2}).to(at::kFloat);
  const auto refused = [&](const char* how) {
    try {
      heed::attend(t.q, t.k, t.v, how);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused("rope"), says("how", "or none", "'rope'"));
  EXPECT_THAT(refused("sum"), says("how", "merge concat", "'sum'"));
  EXPECT_THAT(refused("num_heads=2"), says("how", "4/2", "num_heads=2/2"));
  EXPECT_THAT(refused("cusal"), HasSubstr("did you mean 'causal'"));
  EXPECT_EQ(refused("num_heads=4/2; causal"), "");
}

TEST(AttendErrors, WhatTheOperatorWouldIgnore) {
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"rope", "'rope': apply it to q and k before"},
      {"sinusoidal", "'sinusoidal': apply it"},
      {"learned(9)", "'learned': apply it"},
      {"gate", "multiply the operator's output"},
      {"sum; num_heads=4", "given 'sum': the operator leaves heads apart"},
      {"num_heads=8", "the heads of q and k, 4/2, given num_heads=8/8; leave num_heads out"},
      {"num_heads=4", "given num_heads=4/4"}};
  for (const auto& [text, words] : refused) {
    SCOPED_TRACE(text);
    const std::string how = text;
    EXPECT_THAT(refusal([&](auto& t) { t.how = Attention::parse(how); }), HasSubstr(words));
    auto t = make({.B = 2, .H = 4, .G = 2});
    const auto message = [](auto&& call) -> std::string {
      try {
        call();
      } catch (const UsageError& error) {
        return error.what();
      }
      return "accepted";
    };
    const auto value = Attention::parse(how);
    EXPECT_THAT(message([&] { heed::attend(t.q, t.k, t.v, how); }), HasSubstr(words));
    EXPECT_THAT(message([&] { heed::attend_with_logsumexp(t.q, t.k, t.v, value); }),
                HasSubstr(words));
    EXPECT_THAT(message([&] { heed::attend_with_row_stats(t.q, t.k, t.v, value); }),
                HasSubstr(words));
    EXPECT_THAT(message([&] { heed::attend_reference(t.q, t.k, t.v, value); }), HasSubstr(words));
  }
  EXPECT_EQ(refusal([](auto& t) { t.how = Attention::parse("num_heads=4/2; alibi"); }), "accepted");
}

TEST(AttendErrors, DropoutOfWhichNobodySaysWhetherItActs) {
  const auto with = [](std::optional<bool> training) {
    return refusal([&](auto& t) {
      t.how = Attention::parse("dropout=0.1");
      t.inputs.training = training;
    });
  };
  EXPECT_THAT(with(std::nullopt), HasSubstr("dropout=0.1 acts in training alone: set"));
  EXPECT_EQ(with(true), "accepted");
  EXPECT_EQ(with(false), "accepted");
}

}  // namespace
}  // namespace heed::test
