#include "heed/tasks/withhold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refused_rules(const std::string& toml) {
  try {
    WithholdFilter::parse(toml, "filter.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

std::string withheld_by(const WithholdFilter& filter, const std::vector<std::string>& texts) {
  const auto withheld = filter.judge(texts);
  return withheld ? withheld->by : "";
}

TEST(Withhold, PatternsAreFoundAnywhere) {
  const auto filter = WithholdFilter::parse(R"(
[[pattern]]
name = "telephone"
match = '\b\d{3}-\d{4}\b'
[[pattern]]
name = "word"
match = 'stra(ß|ss)e'
ignore_case = true
)",
                                            "filter.toml");
  EXPECT_EQ(withheld_by(filter, {"call 555-1234 now"}), "telephone");
  EXPECT_EQ(withheld_by(filter, {"fine", "die STRASSE"}), "word");
  EXPECT_EQ(withheld_by(filter, {"call 5555-12345 now", ""}), "");
  EXPECT_EQ(withheld_by(filter, {"bytes \xFF 555-1234"}), "telephone");
  EXPECT_FALSE(filter.keeps_text());
}

TEST(Withhold, APatternThatNeverEndsWithholds) {
  const auto filter = WithholdFilter::parse(
      "[[pattern]]\nname = 'slow'\nmatch = '(a+)+b'\nmilliseconds = 20", "filter.toml");
  const auto withheld = filter.judge({std::string(5000, 'a')});
  ASSERT_TRUE(withheld);
  EXPECT_TRUE(withheld->undecided);
  EXPECT_FALSE(filter.judge({"short"}));
}

TEST(Withhold, BadFiltersNameFileAndKey) {
  EXPECT_THAT(refused_rules(""), HasSubstr("filter.toml: no rules"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'\nmatch='(b'"),
              StartsWith("filter.toml:3: pattern[0].match: not a regular expression"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'\nmatch=''"),
              HasSubstr("pattern[0].match: it is empty"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'"), HasSubstr("pattern[0].match: it is missing"));
  EXPECT_THAT(refused_rules("[[pattern]]\nmatch='b'"), HasSubstr("pattern[0].name: it is missing"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname=''\nmatch='b'"), HasSubstr("name: it is empty"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'\nmatch='b'\nmiliseconds=1"),
              HasSubstr("did you mean 'milliseconds'"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'\nmatch='b'\nmilliseconds=0"),
              HasSubstr("expected a number from 1 to 60000, given 0"));
  EXPECT_THAT(refused_rules("[[pattern]]\nname='a'\nmatch='b'\n[[pattern]]\nname='a'\nmatch='c'"),
              HasSubstr("pattern[1].name: another rule is called 'a'"));
  EXPECT_THAT(refused_rules("keep_text = 1"),
              HasSubstr("filter.toml:1: keep_text: expected true or"));
  EXPECT_THAT(refused_rules("[[classifier]]\nname='a'\nclass='x'\nmodel='nowhere'"),
              HasSubstr("nowhere"));
  EXPECT_THAT(refused_rules("[[classifier]]\nname='a'\nmodel='nowhere'"),
              HasSubstr("classifier[0].class: it is missing"));
}

class WithholdBy : public test::CellRuns {};

TEST_F(WithholdBy, AClassifierOfTheUsers) {
  std::string text = "text,label\n";
  for (int i = 0; i < 40; ++i) text += i % 2 ? "you fool,rude\n" : "you dear,kind\n";
  test::write_bytes(folder_ / "train.csv", text);
  run(Recipe::read(RecipeFile::parse("seed = 1\ndata.train = '" + path("train.csv") + R"('
input = { kind = 'text', tokenizer = { kind = 'words' } }
encoder = { width = 8, layers = 1, attention = { num_heads = 2 } }
head = { kind = 'class' }
train = { epochs = 30, batch = 8, optimizer = { lr = 0.02 } }
)",
                                     "recipe.toml")),
      "rude");
  const std::string rule = "[[classifier]]\nname = 'insult'\nmodel = '" + path("rude") + "'\n";
  const auto filter =
      WithholdFilter::parse("keep_text = true\n" + rule + "class = 'rude'", "filter.toml");
  EXPECT_EQ(withheld_by(filter, {"you dear", "you fool"}), "insult");
  EXPECT_EQ(withheld_by(filter, {"you dear"}), "");
  EXPECT_TRUE(filter.keeps_text());
  const auto none = WithholdFilter::parse(rule + "class = 'rude'\nthreshold = 1.0", "filter.toml");
  EXPECT_EQ(withheld_by(none, {"you fool"}), "");
  EXPECT_THAT(refused_rules(rule + "class = 'rud'"),
              HasSubstr("classifier[0].class: the model answers no 'rud', did you mean 'rude'"));
}

TEST(WithheldLog, HasTheTextOnlyWhereItIsKept) {
  const auto line = nlohmann::json::parse(withheld_log_line({"a", false}, 7, {"secret"}, false));
  EXPECT_EQ(line["line"], 7);
  EXPECT_EQ(line["by"], "a");
  EXPECT_FALSE(line.contains("text"));
  EXPECT_THAT(line["time"].get<std::string>(), testing::MatchesRegex("....-..-..T..:..:..Z"));
  const auto kept = nlohmann::json::parse(withheld_log_line({"a", true}, 7, {"secret"}, true));
  EXPECT_EQ(kept["text"][0], "secret");
  EXPECT_EQ(kept["undecided"], true);
}

TEST(WithheldTexts, AreAllThatWasWritten) {
  const Prediction prediction{
      "best", R"({"output": "best", "hypotheses": [{"output": "second"}]})", "", {"best", "third"}};
  EXPECT_THAT(texts_of_answer(prediction), testing::ElementsAre("best", "second", "third"));
}

}  // namespace
}  // namespace heed
