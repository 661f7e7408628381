// ARPA files: scores of the Python package kenlm 0.3.0, and what is no such file.
#include "heed/data/ngram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/samples.h"
#include "data/text.h"

namespace heed::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kSmallArpa = R"(made by hand: what stands before \data\ is no part of it

\data\
ngram 1=6
ngram  2 = 5
ngram 3=3

\1-grams:
-99	<s>	-0.30103
-1.0	</s>
-0.8	a	-0.25
-0.9 b -0.35
-0.7	c	-0.1
-1.5	<unk>	-0.05

\2-grams:
-0.2	<s> a	-0.15
-0.4	a b	-0.45
-0.6	b c	0.02
-0.5	c </s>
-0.55	b a

\3-grams:
-0.1	<s> a b
-0.3	a b c
-0.12	a b </s>

\end\
)";

class Ngrams : public testing::Test {
 protected:
  NgramModel model(const std::string& text) {
    return NgramModel(folder_.write("small.arpa", test::Bytes(text.begin(), text.end())));
  }
  std::string replaced(const std::string& from, const std::string& to) {
    auto text = kSmallArpa;
    text.replace(text.find(from), from.size(), to);
    return text;
  }
  std::string complaint(const std::string& text) {
    try {
      model(text);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }

  test::TempFolder folder_;
};

double log10_of(const NgramModel& model, const std::string& text, bool ends) {
  double sum = 0;
  auto context = model.begin();
  for (const auto word : split_at_space(text)) {
    const auto id = model.id(word);
    sum += model.log10(context, id);
    context = model.after(context, id);
  }
  return ends ? sum + model.log10(context, model.end()) : sum;
}

TEST_F(Ngrams, ScoreAsKenlm) {
  constexpr double kNear = 1e-5;  // kenlm adds in float32
  struct Fact {
    const char* text;
    double whole, begun, without_unknown;
  };
  const Fact facts[] = {{"a b c", -1.08, -0.6, -1.08},
                        {"a b a b", -1.8199999, -1.7, -1.8199999},
                        {"c c c", -3.1010299, -2.6010299, -3.1010299},
                        {"b a b", -2.2710299, -2.1510301, -2.2710299},
                        {"a x b c", -4.1300001, -3.6500001, -102.5800018},
                        {"x", -2.8510299, -1.8010300, -101.3010330},
                        {"a b", -0.42, -0.3, -0.42}};
  const auto own = model(kSmallArpa);
  EXPECT_EQ(own.order(), 3);
  EXPECT_THAT(own.words(), ElementsAre("a", "b", "c"));
  auto without = replaced("-1.5\t<unk>\t-0.05\n", "");
  without.replace(without.find("1=6"), 3, "1=5");
  const auto other = model(without);
  for (const auto& fact : facts) {
    EXPECT_NEAR(log10_of(own, fact.text, true), fact.whole, kNear) << fact.text;
    EXPECT_NEAR(log10_of(own, fact.text, false), fact.begun, kNear) << fact.text;
    EXPECT_NEAR(log10_of(other, fact.text, true), fact.without_unknown, 10 * kNear) << fact.text;
  }
}

TEST_F(Ngrams, PrunedPlacesAndOneOrder) {
  // a b is left out, and a b c is there: p(c | a b) is known, p(b | a) goes by b.
  auto pruned = replaced("-0.4\ta b\t-0.45\n", "");
  pruned.replace(pruned.find("2 = 5"), 5, "2 = 4");
  const auto model_without = model(pruned);
  const auto a = model_without.id("a"), b = model_without.id("b"), c = model_without.id("c");
  EXPECT_NEAR(model_without.log10({a}, b), -0.25 - 0.9, 1e-6);
  EXPECT_NEAR(model_without.log10({a, b}, c), -0.3, 1e-6);
  EXPECT_NEAR(model_without.log10({a, b}, a), -0.55, 1e-6);  // b(a b) is 1
  const auto one = model("\\data\\\nngram 1=3\n\\1-grams:\n-1 <s>\n-1 </s>\n-0.5 w\n\\end\\\n");
  EXPECT_TRUE(one.begin().empty());
  EXPECT_TRUE(one.after({}, one.id("w")).empty());
  EXPECT_NEAR(log10_of(one, "w w", true), -2, 1e-6);
}

TEST_F(Ngrams, WhatIsNoArpaFileIsRefusedByItsPlace) {
  EXPECT_THAT(complaint("hello\n"), AllOf(HasSubstr("small.arpa"), HasSubstr("\\data\\")));
  EXPECT_THAT(complaint(replaced("1=6", "1=7")), AllOf(HasSubstr(":16"), HasSubstr("given 6")));
  EXPECT_THAT(complaint(replaced("2 = 5", "3 = 5")), HasSubstr(":5: expected ngram 2="));
  EXPECT_THAT(complaint(replaced("2 = 5", "2 = five")), HasSubstr(":5:"));
  EXPECT_THAT(complaint(replaced("-0.8\ta", "0.8\ta")), HasSubstr(":11:"));
  EXPECT_THAT(complaint(replaced("-0.8\ta", "nan\ta")), HasSubstr(":11:"));
  EXPECT_THAT(complaint(replaced("-0.9 b -0.35", "-0.9 a -0.35")),
              AllOf(HasSubstr(":12:"), HasSubstr("'a'"), HasSubstr("twice")));
  EXPECT_THAT(complaint(replaced("b a\n", "b a c -0.1\n")), HasSubstr("expected log10 p, 2 words"));
  EXPECT_THAT(complaint(replaced("b a\n", "b d\n")), HasSubstr("'d' is none of the 1-grams"));
  EXPECT_THAT(complaint(replaced("b a\n", "a b\n")), HasSubstr("twice"));
  EXPECT_THAT(complaint(replaced("\\3-grams", "\\4-grams")), HasSubstr("expected \\3-grams:"));
  EXPECT_THAT(complaint(replaced("a b </s>\n", "a b </s> -0.5\n")), HasSubstr("no backoff"));
  EXPECT_THAT(complaint(replaced("\\end\\\n", "")), HasSubstr("the file ends"));
  EXPECT_THAT(complaint(replaced("<s>\t", "s\t")), HasSubstr("expected <s> and </s>"));
}

}  // namespace
}  // namespace heed::data
