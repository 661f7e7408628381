// heed score as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "data/samples.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class ScoreVerb : public testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view text) {
    return folder_.write(name, Bytes(text.begin(), text.end())).string();
  }

  TempFolder folder_;
};

TEST_F(ScoreVerb, PrintsMetricsWithTheirSignatures) {
  const auto lines = write("out", "the cat sat on the mat\nit is 3.5 %\n");
  const auto right = write("right", "the cat sat on a mat\nit was 3.5 %\n");
  const auto result =
      run({"score", lines, "--reference", right, "--metric", "bleu,chrf++,rouge,exact"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              StartsWith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:heed-"));
  EXPECT_THAT(result.out, HasSubstr("80.0/"));
  EXPECT_THAT(result.out, HasSubstr("\nchrF2++|nrefs:1|case:mixed|eff:yes|nc:6|nw:2|space:no|"));
  EXPECT_THAT(result.out, HasSubstr("\nROUGE|nrefs:1|stem:no|"));
  EXPECT_THAT(result.out, HasSubstr("\nexact|nrefs:1|norm:squad|"));
}

TEST_F(ScoreVerb, JsonAndSeveralReferences) {
  const auto lines = write("out", "THE cat\n\n"), first = write("a", "a dog\n\n");
  const auto second =
      folder_.write("b.gz", gzip(Bytes{'t', 'h', 'e', ' ', 'c', 'a', 't', '\n', '\n'}));
  const auto result = run({"score", lines, "--reference", first, "--reference", second.string(),
                           "--metric", "chrf,exact", "--lowercase", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto answer = json::parse(result.out);
  EXPECT_EQ(answer["lines"], 2);
  EXPECT_EQ(answer["scores"][0]["name"], "chrF2");
  EXPECT_DOUBLE_EQ(answer["scores"][0]["score"], 100);
  EXPECT_THAT(answer["scores"][0]["signature"].get<std::string>(), StartsWith("nrefs:2|case:lc|"));
  EXPECT_EQ(answer["scores"][1]["exact"], 1);
}

TEST_F(ScoreVerb, SaysWhatIsWrong) {
  const auto lines = write("out", "a\nb\n"), fewer = write("right", "a\n");
  const auto result = run({"score", lines, "--reference", fewer});
  EXPECT_EQ(result.code, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("out has 2 lines, but " + fewer + " has 1"));
  EXPECT_EQ(run({"score", lines}).code, 2);
  EXPECT_EQ(run({"score", lines, "--reference", lines, "--metric", "ter"}).code, 2);
  EXPECT_EQ(run({"score", lines, "--reference", lines, "--tokenize", "zh"}).code, 2);
  EXPECT_EQ(run({"score", lines, "--reference", "/absent"}).code, 5);
  EXPECT_EQ(run({"score", write("empty", ""), "--reference", lines}).code, 3);
}

}  // namespace
}  // namespace heed::test
