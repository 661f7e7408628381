// The attention value: text, TOML, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/op_kinds.h"
#include "ops/attention_toml.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::string& text) {
  try {
    Attention::parse(text);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(AttentionText, EmptyTextIsTheDefault) {
  EXPECT_EQ(Attention::parse(""), Attention{});
  EXPECT_EQ(Attention::parse(" ; "), Attention{});
  EXPECT_EQ(Attention{}.text(), "scaled_dot; softmax");
}

TEST(AttentionText, ReadsEveryPart) {
  const auto how = Attention::parse(
      "bias; dot; rope(base=500000, interleaved=1); causal; window(256,0); key_lengths; attn_mask; "
      "softmax; "
      "sum; num_heads=8/2; dropout=0.1");
  EXPECT_EQ(how.score, OpSpec{"dot"});
  EXPECT_EQ(how.position.at("base"), 500000);
  EXPECT_EQ(how.position.at("interleaved"), 1);
  ASSERT_EQ(how.masks.size(), 4u);
  EXPECT_EQ(how.masks[1].at("left"), 256);
  EXPECT_EQ(how.masks[1].at("right"), 0);
  EXPECT_TRUE(how.has_modifier("bias"));
  EXPECT_TRUE(how.has_mask("attn_mask"));
  EXPECT_FALSE(how.has_mask("bias"));
  EXPECT_EQ(how.merge, OpSpec{"sum"});
  EXPECT_EQ(how.num_heads, 8);
  EXPECT_EQ(how.num_kv_heads, 2);
  EXPECT_EQ(how.dropout, 0.1);
}

TEST(AttentionText, MasksMayBeAlternatives) {
  const auto how = Attention::parse("window(256,0)|global(4) | key_lengths; causal");
  ASSERT_EQ(how.masks.size(), 2u);
  EXPECT_EQ(how.masks[0].name, "window");
  ASSERT_EQ(how.masks[0].alternatives.size(), 2u);
  EXPECT_EQ(how.masks[0].alternatives[0].at("count"), 4);
  EXPECT_TRUE(how.has_mask("key_lengths"));
  EXPECT_EQ(
      how.text(),
      "scaled_dot; window(left=256, right=0) | global(count=4) | key_lengths; causal; softmax");
  EXPECT_EQ(Attention::parse(how.text()), how);
  EXPECT_EQ(Attention::parse("causal | prefix(3); causal | prefix(4)").masks.size(), 2u);
  EXPECT_THAT(refusal("causal |"), HasSubstr("unknown mask ''"));
  EXPECT_THAT(refusal("causal | rope"), HasSubstr("expected a mask, given 'rope'"));
  EXPECT_THAT(refusal("causal | attn_mask"), HasSubstr("in the mask tensor"));
  EXPECT_THAT(refusal("dot | scaled_dot"), HasSubstr("'|' joins masks"));
  EXPECT_THAT(refusal("causal | fixed(4,5)"), HasSubstr("at most its stride, 4, given 5"));
}

TEST(AttentionText, DefaultsAreLeftOutSoThatEqualValuesCompareEqual) {
  EXPECT_EQ(Attention::parse("rope(10000)"), Attention::parse("rope"));
  EXPECT_EQ(Attention::parse("num_heads=8/8"), Attention::parse("num_heads=8"));
  auto pool = Attention::parse("num_heads=2");
  pool.num_kv_heads = 2;  // as one made in C++ may say it
  EXPECT_EQ(pool.text(), Attention::parse("num_heads=2").text());
  EXPECT_EQ(Attention::parse("rope").position.at("base"), 10000);
  EXPECT_EQ(Attention::parse("window(right=3,left=2)").text(),
            "scaled_dot; window(left=2, right=3); softmax");
}

/// A text of each word alone, with its required arguments.
std::vector<std::string> every_word() {
  std::vector<std::string> texts;
  for (const auto& word : op_kinds()) {
    std::string given;
    for (const auto& a : word.arguments)
      if (!a.initial)
        given += (given.empty() ? "" : ", ") + a.name + "=" + std::to_string(int(a.high));
    texts.push_back(word.name + (given.empty() ? "" : "(" + given + ")"));
  }
  return texts;
}

TEST(AttentionText, EveryWordRoundTripsThroughTextAndToml) {
  auto texts = every_word();
  ASSERT_GE(texts.size(), 45u);  // and those of other tests
  texts.push_back(
      "dot; learned(length=77); bias; softcap(30); causal; window(-1, 5); sum; num_heads=12/3; "
      "dropout=0.25");
  texts.push_back("scaled_dot(scale=0.3333333333333333); rope(base=1e6)");
  texts.push_back(
      "rope(width=32, scaling=3, factor=8, original=4096, beta_fast=16, attention=1.2)");
  texts.push_back("feed_forward(hidden=32, activation=gelu, layers=2); talking; gate; entmax(1.2)");
  texts.push_back("learned_2d(columns=7, rows=5, first=1)");
  for (const auto& text : texts) {
    const auto how = Attention::parse(text);
    EXPECT_EQ(Attention::parse(how.text()), how) << text;
    EXPECT_EQ(ops::read_attention(ops::to_toml(how), "attention"), how) << text;
  }
}

TEST(AttentionText, EveryWordIsExplained) {
  for (const auto& word : op_kinds()) {
    EXPECT_FALSE(word.help.empty()) << word.name;
    for (const auto& a : word.arguments) {
      EXPECT_FALSE(a.help.empty()) << word.name << "." << a.name;
      EXPECT_LE(a.low, a.high);
      const double initial = a.initial.value_or(a.low);
      EXPECT_TRUE(initial >= a.low && initial <= a.high) << word.name;
    }
  }
}

TEST(AttentionText, RefusesWithTheReason) {
  EXPECT_THAT(refusal("causl"), AllOf(HasSubstr("'causl'"), HasSubstr("did you mean 'causal'")));
  EXPECT_THAT(refusal("num_haeds=3"), AllOf(HasSubstr("'num_haeds'"), HasSubstr("'num_heads'")));
  EXPECT_THAT(refusal("qqqqqqqqqqqq"), HasSubstr("known: scaled_dot, dot"));
  EXPECT_THAT(refusal("causal; causal"), HasSubstr("'causal' stands twice"));
  EXPECT_THAT(refusal("bias; bias"), HasSubstr("'bias' stands twice"));
  EXPECT_THAT(refusal("dot; scaled_dot"), HasSubstr("second score"));
  EXPECT_THAT(refusal("rope; learned"), HasSubstr("second position"));
  EXPECT_THAT(refusal("num_heads=2; num_heads=4"), HasSubstr("second num_heads"));
  EXPECT_THAT(refusal("num_heads=8/3"),
              AllOf(HasSubstr("divisor of num_heads=8"), HasSubstr("given 3")));
  EXPECT_THAT(refusal("num_heads=8/0"), HasSubstr("given 0"));
  EXPECT_THAT(refusal("num_heads=0"), AllOf(HasSubstr("heads"), HasSubstr("given 0")));
  EXPECT_THAT(refusal("num_heads=two"), AllOf(HasSubstr("whole number"), HasSubstr("'two'")));
  EXPECT_THAT(refusal("num_heads=99999999999999999999"), HasSubstr("whole number"));
  EXPECT_THAT(refusal("dropout=1"), AllOf(HasSubstr("[0, 1)"), HasSubstr("given 1")));
  EXPECT_THAT(refusal("dropout=-0.1"), HasSubstr("given -0.1"));
  EXPECT_THAT(refusal("dropout=nan"), HasSubstr("dropout"));
  EXPECT_THAT(refusal("window"), HasSubstr("window needs left"));
  EXPECT_THAT(refusal("window(1)"), HasSubstr("window needs right"));
  EXPECT_THAT(refusal("window(1,2,3)"), AllOf(HasSubstr("takes 2 arguments"), HasSubstr("'3'")));
  EXPECT_THAT(refusal("window(-2,0)"), AllOf(HasSubstr("window(left)"), HasSubstr("given -2")));
  EXPECT_THAT(refusal("window(0.5,0)"), AllOf(HasSubstr("whole"), HasSubstr("given 0.5")));
  EXPECT_THAT(refusal("window(nan,0)"), HasSubstr("window(left)"));
  EXPECT_THAT(refusal("window(-1,-1)"), HasSubstr("hides nothing"));
  EXPECT_THAT(refusal("window(left=1,left=2)"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("window(1,2"), HasSubstr("')'"));
  EXPECT_THAT(refusal("window(1,2) x"), HasSubstr("')'"));
  EXPECT_THAT(refusal("window(1)"), HasSubstr("needs right"));
  EXPECT_THAT(refusal("window(1,)"), HasSubstr("window(right): expected a number, given ''"));
  EXPECT_THAT(refusal("window(1,2,)"), HasSubstr("takes 2 arguments"));
  EXPECT_THAT(refusal("window(,1)"), HasSubstr("given ''"));
  EXPECT_THAT(refusal("rope(bse=3)"), AllOf(HasSubstr("'bse'"), HasSubstr("'base'")));
  EXPECT_THAT(refusal("rope(base=0)"), HasSubstr("given 0"));
  EXPECT_THAT(refusal("rope(width=3)"), HasSubstr("width: expected an even number, given 3"));
  EXPECT_THAT(refusal("rope(factor=4)"), HasSubstr("factor acts with scaling=1 to 5"));
  EXPECT_THAT(refusal("rope(scaling=2, factor=4, original=9)"), HasSubstr("original acts with"));
  EXPECT_THAT(refusal("rope(scaling=2, beta_slow=2)"), HasSubstr("beta_slow acts with scaling=3"));
  EXPECT_THAT(refusal("rope(scaling=3, factor=4)"), HasSubstr("scaling=3 needs original"));
  EXPECT_THAT(refusal("rope(scaling=3, original=9, beta_slow=32)"),
              HasSubstr("beta_fast: expected more than beta_slow = 32"));
  EXPECT_THAT(refusal("causal(3)"), HasSubstr("takes 0 arguments"));
  EXPECT_THAT(refusal("softcap"), HasSubstr("needs cap"));
  EXPECT_THAT(refusal("softcap(0)"), AllOf(HasSubstr("softcap(cap)"), HasSubstr("given 0")));
}

TEST(AttentionText, PartKnowsItsArguments) {
  EXPECT_THROW(OpSpec{"causal"}.at("left"), UsageError);
  EXPECT_THROW(OpSpec{"window"}.at("left"), UsageError);
  EXPECT_EQ(OpSpec{"scaled_dot"}.at("scale"), 0);
}

TEST(AttentionCheck, LooksAtValuesMadeInCode) {
  Attention how;
  how.score = {"softmax"};
  EXPECT_THROW(how.check(), UsageError);
  how = {};
  how.masks = {{"window", {{"left", -7}, {"right", 0}}}};
  EXPECT_THROW(how.check(), UsageError);
  how = {};
  how.modifiers = {{"causal"}};
  EXPECT_THROW(how.check(), UsageError);
}

Attention read(const std::string& toml) {
  const auto table = toml::parse(toml, std::string_view("recipe.toml"));
  return ops::read_attention(*table.get("attention"), "model.attention");
}

std::string toml_refusal(const std::string& toml) {
  try {
    read(toml);
  } catch (const ModelError& e) {
    return e.what();
  }
  return "";
}

TEST(AttentionToml, ReadsTableAndText) {
  const auto expected =
      Attention::parse("learned; causal; window(256,0); num_heads=4; dropout=0.1");
  const char* table = R"toml(
      [attention]
      score = "scaled_dot"
      position = "learned"
      normalizer = "softmax"
      num_heads = 4
      masks = ["causal", "window(256,0)"]
      dropout = 0.1)toml";
  EXPECT_EQ(read(table), expected);
  EXPECT_EQ(read("attention = 'learned; causal; window(256,0); num_heads=4; dropout=0.1'"),
            expected);
  EXPECT_EQ(read("attention = { dropout = 0, num_heads = 6, num_kv_heads = 2 }"),
            Attention::parse("num_heads=6/2"));
}

TEST(AttentionToml, RefusesWithFileLineAndNearestName) {
  EXPECT_THAT(toml_refusal("\n[attention]\nnum_heads = 2\nnum_haeds = 4\n"),
              AllOf(HasSubstr("recipe.toml:4:"), HasSubstr("'num_haeds'"),
                    HasSubstr("did you mean 'num_heads'")));
  EXPECT_THAT(toml_refusal("[attention]\nscore = 'scaled_dat'\n"),
              AllOf(HasSubstr("recipe.toml:2:"), HasSubstr("model.attention.score"),
                    HasSubstr("did you mean 'scaled_dot'")));
  EXPECT_THAT(toml_refusal("[attention]\nscore = 'rope'\n"), HasSubstr("which is a position"));
  EXPECT_THAT(toml_refusal("[attention]\nscore = 3\n"),
              AllOf(HasSubstr("word in quotes"), HasSubstr("integer")));
  EXPECT_THAT(toml_refusal("[attention]\nmasks = 'causal'\n"), HasSubstr("expected an array"));
  EXPECT_THAT(toml_refusal("[attention]\nmasks = [1]\n"), HasSubstr("model.attention.masks"));
  EXPECT_THAT(toml_refusal("[attention]\nnum_heads = 2.5\n"), HasSubstr("whole number"));
  EXPECT_THAT(toml_refusal("[attention]\nnum_heads = 8\nnum_kv_heads = 3\n"),
              HasSubstr("divisor of num_heads=8"));
  EXPECT_THAT(toml_refusal("attention = 'causal; causal'\n"), HasSubstr("recipe.toml:1:"));
  EXPECT_THAT(toml_refusal("attention = 3\n"), HasSubstr("expected a table"));
}

}  // namespace
}  // namespace heed
