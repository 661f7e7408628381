// heed audit, and answers that heed predict holds back, as a user asks for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "files.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

Trained audited() {
  return train_once("audited", [](const std::filesystem::path& folder) {
    std::string text = "text,hired\n";
    for (int i = 0; i < 60; ++i)
      text += std::string(i % 2 ? "he" : "she") + " is " + (i % 3 ? "old" : "young") +
              (i % 2 ? ",yes\n" : ",no\n");
    write_bytes(folder / "train.csv", text);
    write_bytes(folder / "small.toml", "seed = 1\ndata.train = '" +
                                           (folder / "train.csv").string() + "'\ndata.test = '" +
                                           (folder / "train.csv").string() + R"('
input = { kind = 'text', tokenizer = { kind = 'words' } }
encoder = { width = 16, layers = 1, attention = { num_heads = 2, position = 'sinusoidal' } }
head = { kind = 'class', column = 'hired' }
train = { epochs = 15, batch = 10, optimizer = { lr = 0.01 } }
)");
  });
}

class AuditVerb : public testing::Test {
 protected:
  AuditVerb() {
    write_bytes(folder_ / "lists.toml",
                "[[swap]]\nname = 'gender'\npairs = [['he', 'she']]\n[[swap]]\nname = "
                "'beasts'\npairs = [['cat', 'dog']]\n");
  }
  static void SetUpTestSuite() { trained_ = audited(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Result audit(std::vector<std::string> words) const {
    words.insert(words.begin(), {"audit", trained_.model});
    return run(words);
  }

  static inline Trained trained_;
  TemporaryFolder folder_;
};

TEST_F(AuditVerb, ReportsEachGroup) {
  const auto result = audit({"--swap", path("lists.toml")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("swapped\tgender: 60 texts, 0 without its words\n"),
                                HasSubstr("he -> she\t30\t"), HasSubstr("accuracy before\t"),
                                HasSubstr("carries of the change, mean of 50\n"),
                                HasSubstr("swapped\tbeasts: 0 texts, 60 without its words\n")));
  EXPECT_THAT(result.err, HasSubstr("none of the 60 texts has a word of the group 'beasts'"));
}

TEST_F(AuditVerb, ListsWithoutAnyWordOfTheTextsAreAnError) {
  write_bytes(path("beasts.toml"), "[[swap]]\nname = 'beasts'\npairs = [['cat', 'dog']]\n");
  const auto result = audit({"--swap", path("beasts.toml")});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("none of the 60 texts has a word of its groups"));
  EXPECT_EQ(result.out, "");
}

TEST_F(AuditVerb, SwapsPhrases) {
  write_bytes(path("phrases.toml"), "[[swap]]\nname = 'gender'\npairs = [['he is', 'she is']]\n");
  const auto result = audit({"--swap", path("phrases.toml"), "--heads", "0"});
  EXPECT_THAT(result.out, HasSubstr("he is -> she is\t30\t"));
}

TEST_F(AuditVerb, JsonHasEverythingAndTheOutputALineAnExample) {
  const auto result = audit(
      {"--swap", path("lists.toml"), "--json", "--output", path("changed.jsonl"), "--heads", "4"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto said = json::parse(result.out);
  const auto& gender = said["groups"][0];
  EXPECT_EQ(gender["changed"], 60);
  EXPECT_EQ(gender["head_examples"], 4);
  EXPECT_GT(gender["all"]["flips"]["value"], 0.9);
  EXPECT_LT(gender["all"]["flips"]["low"], gender["all"]["flips"]["value"]);
  EXPECT_EQ(gender["heads"].size(), 2u);
  EXPECT_EQ(gender["metrics"]["accuracy"]["before"].get<double>(),
            gender["accuracy"]["before"]["value"].get<double>());
  EXPECT_FALSE(said["groups"][1]["all"].contains("flips"));
  const auto lines = lines_of(read_bytes(path("changed.jsonl")));
  ASSERT_EQ(lines.size(), 60u);
  const auto first = json::parse(lines[0]);
  EXPECT_EQ(first["before"], "she is young");
  EXPECT_EQ(first["after"], "he is young");
  EXPECT_EQ(first["rules"][0], "she -> he");
  EXPECT_EQ(first["group"], "gender");
  EXPECT_THAT(first["place"].get<std::string>(), HasSubstr("train.csv:2"));
  EXPECT_EQ(audit({"--swap", path("lists.toml"), "--json", "--heads", "4"}).out, result.out);
}

TEST_F(AuditVerb, ComparesPairs) {
  write_bytes(path("pairs.csv"), "a,b,kind\nhe is old,she is old,x\nshe is young,he is young,y\n");
  const auto result =
      audit({"--pairs", path("pairs.csv"), "--columns", "a,b", "--kind", "kind", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto said = json::parse(result.out);
  EXPECT_EQ(said["changed"], 2);
  EXPECT_EQ(said["rules"][1]["name"], "y");
}

TEST_F(AuditVerb, RefusesWhatWouldBeIgnored) {
  const auto refused = [&](const std::vector<std::string>& words, int code, const char* says) {
    const auto result = audit(words);
    EXPECT_EQ(result.code, code) << says;
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_EQ(result.out, "");
  };
  const auto lists = path("lists.toml");
  refused({}, 2, "--swap");
  refused({"--swap", lists, "--pairs", lists}, 2, "--swap");
  refused({"--swap", lists, "--columns", "a,b"}, 2, "--columns");
  refused({"--pairs", lists}, 2, "--columns");
  refused({"--pairs", lists, "--columns", "a"}, 2, "FIRST,SECOND");
  refused({"--pairs", lists, "--columns", "a,b", "--data", lists}, 2, "--data");
  refused({"--swap", path("none.toml")}, 5, "none.toml");
  write_bytes(path("bad.toml"), "[[swap]]\nname = 'x'\npairs = [['a', 'a']]");
  refused({"--swap", path("bad.toml")}, 4, "bad.toml:1: swap[0]");
  refused({"--swap", lists, "--output", lists}, 2, "written over");
  refused({"--swap", lists, "--of", "mood"}, 2, "--of");
}

class Withholding : public AuditVerb {};

TEST_F(Withholding, LinesStayInPlace) {
  write_bytes(path("filter.toml"),
              "keep_text = true\n[[pattern]]\nname = 'agreement'\nmatch = '^yes'\n");
  const std::vector<std::string> words = {"predict",        trained_.model,      "-",
                                          "--withhold",     path("filter.toml"), "--withheld-log",
                                          path("log.jsonl")};
  const RunOptions input{.input = "he is old\nshe is old\nhe is young\n"};
  const auto result = run(words, input);
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "withheld by agreement");
  EXPECT_THAT(lines[1], testing::StartsWith("no\t"));
  EXPECT_EQ(lines[2], "withheld by agreement");
  run(words, input);  // adds to the log
  const auto log = lines_of(read_bytes(path("log.jsonl")));
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(json::parse(log[1])["line"], 3);
  EXPECT_EQ(json::parse(log[1])["by"], "agreement");
  EXPECT_THAT(json::parse(log[1])["text"][0].get<std::string>(), testing::StartsWith("yes"));
}

TEST_F(Withholding, JsonSaysSo) {
  write_bytes(path("filter.toml"), "[[classifier]]\nname = 'same'\nmodel = '" + trained_.model +
                                       "'\nclass = 'yes'\nthreshold = 0.0\n");
  const auto result =
      run({"predict", trained_.model, "-", "--withhold", path("filter.toml"), "--json"},
          {.input = "he is old\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto said = json::parse(result.out);
  EXPECT_EQ(said["withheld"], true);
  EXPECT_EQ(said["by"], "same");
  EXPECT_FALSE(said.contains("class"));
}

TEST_F(Withholding, RefusesBadFilters) {
  const auto refused = [&](const std::vector<std::string>& more, int code, const char* says) {
    std::vector<std::string> words = {"predict", trained_.model, "-"};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = run(words, {.input = "he\n"});
    EXPECT_EQ(result.code, code) << says;
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  write_bytes(path("bad.toml"), "[[pattern]]\nname = 'a'\nmatch = '['\n");
  refused({"--withhold", path("bad.toml")}, 4, "bad.toml:3: pattern[0].match");
  refused({"--withheld-log", path("log")}, 2, "--withhold");
  refused({"--withhold", path("none.toml")}, 5, "none.toml");
  write_bytes(path("good.toml"), "[[pattern]]\nname = 'a'\nmatch = 'b'\n");
  refused({"--withhold", path("good.toml"), "--withheld-log", path("good.toml")}, 2,
          "written over");
}

}  // namespace
}  // namespace heed::test
