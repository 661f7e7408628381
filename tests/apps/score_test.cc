// heed score as a user meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "data/samples.h"
#include "files.h"

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

TEST_F(ScoreVerb, ErrorRatesOfTranscripts) {
  const auto lines = write("out", "THE cat sat\nmat\n"), right = write("right", "the cat\na mat\n");
  const auto result = run({"score", lines, "--reference", right, "--metric", "wer,cer"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("wer|case:mixed|version:heed-"));
  EXPECT_THAT(result.out, HasSubstr(" = 0.7500 S 1 D 1 I 1 of 4 words\ncer|"));
  const auto lower =
      run({"score", lines, "--reference", right, "--metric", "wer", "--lowercase", "--json"});
  EXPECT_EQ(json::parse(lower.out)["scores"][0]["score"], 0.5);
  EXPECT_EQ(json::parse(lower.out)["scores"][0]["insertions"], 1);
  const auto several =
      run({"score", lines, "--reference", right, "--reference", lines, "--metric", "wer"});
  EXPECT_EQ(several.code, 2);
  EXPECT_THAT(several.err, HasSubstr("expected one --reference"));
  const auto blank = write("blank", " \n\n");
  EXPECT_EQ(run({"score", lines, "--reference", blank, "--metric", "wer"}).code, 3);
}

TEST_F(ScoreVerb, JsonAndSeveralReferences) {
  const auto lines = write("out", "THE cat\n\n"), first = write("a", "a dog\n\n");
  const auto second =
      folder_.write("b.gz", gzip(Bytes{'t', 'h', 'e', ' ', 'c', 'a', 't', '\n', '\n'}));
  const auto result = run({"score", lines, "--reference", first, "--reference", second.string(),
                           "--metric", "chrf,exact", "--lowercase", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto answer = json::parse(result.out);
  EXPECT_EQ(answer["scores"][0]["lines"], 2);
  EXPECT_EQ(answer["scores"][0]["name"], "chrF2");
  EXPECT_DOUBLE_EQ(answer["scores"][0]["score"], 100);
  EXPECT_THAT(answer["scores"][0]["signature"].get<std::string>(), StartsWith("nrefs:2|case:lc|"));
  EXPECT_EQ(answer["scores"][1]["exact"], 1);
}

TEST_F(ScoreVerb, ReadsPipesAndStandardInput) {
  const auto lines = write("out", "a\nb\n"), right = write("right", "a\nc\n");
  const auto file = run({"score", lines, "--reference", right, "--metric", "exact,bleu"});
  ASSERT_EQ(file.code, 0) << file.err;
  for (const char* name : {"-", "/dev/stdin"}) {
    const auto piped =
        run({"score", name, "--reference", right, "--metric", "exact,bleu"}, {.input = "a\nb\n"});
    EXPECT_EQ(piped.out, file.out) << piped.err;
    const auto reference =
        run({"score", lines, "--reference", name, "--metric", "classes"}, {.input = "a\nc\n"});
    EXPECT_EQ(reference.code, 0) << reference.err;
    EXPECT_THAT(reference.out, HasSubstr("accuracy 0.5000"));
  }
  const auto twice =
      run({"score", "-", "--reference", right, "--metric", "classes,labels"}, {.input = "a\nb\n"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, HasSubstr("can be read once"));
  EXPECT_EQ(run({"score", "-", "--reference", "-"}, {.input = "a\n"}).code, 2);
  const auto empty = run({"score", "-", "--reference", right}, {.input = ""});
  EXPECT_EQ(empty.code, 3);
  EXPECT_THAT(empty.err, HasSubstr("standard input: the file is empty"));
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

// The figures are those of tests/metrics/, which compares them with the field's own scorers.
class ScoreOfFiles : public ScoreVerb {
 protected:
  json score(const std::string& metric, std::string_view predicted, std::string_view reference,
             std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"score",       write("predicted", predicted),
                                      "--reference", write("right", reference),
                                      "--metric",    metric,
                                      "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = run(words);
    EXPECT_EQ(result.code, 0) << metric << ": " << result.err;
    return result.code == 0 ? json::parse(result.out)["scores"][0] : json();
  }
  std::string problem(const std::string& metric, std::string_view predicted,
                      std::string_view reference) {
    const auto result = run({"score", write("predicted", predicted), "--reference",
                             write("right", reference), "--metric", metric});
    EXPECT_EQ(result.code, 3) << metric << ": " << result.out;
    return result.err;
  }
};

TEST_F(ScoreOfFiles, Values) {
  const auto classes = score("classes", "cat\ndog\ndog\n", "cat\ncat\ndog\n");
  EXPECT_DOUBLE_EQ(classes["accuracy"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(classes["classes"]["dog"]["precision"], 0.5);
  const auto labels = score("labels", "a, b\n\nc\n", "a\n\nc,b\n");
  EXPECT_DOUBLE_EQ(labels["micro_f1"], 4.0 / 6);
  EXPECT_DOUBLE_EQ(labels["subset_accuracy"], 1.0 / 3);
  EXPECT_DOUBLE_EQ(labels["labels"]["b"]["f1"], 0);
  EXPECT_DOUBLE_EQ(score("auc", "0.1\n0.4\n0.35\n0.8\n", "0\n0\n1\n1\n")["roc_auc"], 0.75);
  EXPECT_DOUBLE_EQ(score("auc", ".6 .4\n.3,.7\n", "0\n1\n")["roc_auc"], 1);
  EXPECT_DOUBLE_EQ(score("auc", ".6 .4\n.3 .7\n", "1 0\n1 1\n")["average_precision"], 1);
  EXPECT_TRUE(score("auc", "1\n2\n", "1\n1\n")["roc_auc"].is_null()) << "one class alone";
  EXPECT_NEAR(score("probabilities", "0.5\n", "1\n")["log_loss"], std::log(2), 1e-12);
  EXPECT_DOUBLE_EQ(score("regression", "1\n-2e0\n", "2\n-4\n")["mse"], 2.5);
  const auto history = write("history", "1\n2\n3\n4\n");
  EXPECT_DOUBLE_EQ(
      score("regression", "3\n5\n", "4\n2\n", {"--history", history, "--season", "2"})["mase"], 1);
  EXPECT_DOUBLE_EQ(score("correlation", "1\n2\n3\n", "1\n4\n9\n")["spearman"], 1);
  const auto quantiles =
      score("quantiles", "0 1 2\n0 1 2\n", "1\n3\n", {"--quantiles", "0.1,0.5,0.9"});
  EXPECT_DOUBLE_EQ(quantiles["pinball_0.5"], 0.5);
  EXPECT_DOUBLE_EQ(quantiles["coverage"], 0.5);
  const auto ranking = score("ranking", "1 2 3\n1 1 1\n", "2\n0\n", {"-k", "2"});
  EXPECT_DOUBLE_EQ(ranking["hr@2"], 0.5);
  EXPECT_DOUBLE_EQ(ranking["mrr"], (1 + 1.0 / 3) / 2);
}

TEST_F(ScoreOfFiles, Sentences) {
  const auto spans = score("spans", "Ann B-PER\nsaw O\n\nO\n", "Ann B-PER\nsaw B-LOC\n\nO\n");
  EXPECT_DOUBLE_EQ(spans["f1"], 2.0 / 3);
  EXPECT_EQ(spans["types"]["LOC"]["expected"], 1);
  const auto strict = score("spans", "B-X\nI-X\n", "B-X\nI-X\n", {"--scheme", "iob2"});
  EXPECT_EQ(strict["f1"], 1);
  const std::string word = "\t_\tX\t_\t_\t0\troot\t_\t_";
  const std::string upos = "# text = a b\n1-2\tab" + word + "\n1\ta\t_\tNOUN\n2\tb\t_\tVERB\n";
  EXPECT_EQ(score("upos", upos, upos)["accuracy"], 1);
  const std::string roles = "1\ta" + word + "\tgo.01\tV\n2\tb" + word + "\t_\tARG1\n";
  const std::string none = "1\ta" + word + "\tgo.01\tV\n2\tb" + word + "\t_\t_\n";
  EXPECT_EQ(score("srl", roles, roles)["f1"], 1);
  EXPECT_EQ(score("srl", none, roles)["recall"], 0);
}

TEST_F(ScoreOfFiles, Nab) {
  std::string series = "timestamp,value,anomaly_score,label\n";
  for (int i = 0; i < 60; ++i)
    series += "2014-04-10 00:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ":00,1.5," +
              (i == 30 ? "1" : "0.25") + ",0\n";
  const auto file = write("found_x.csv", series);
  const auto folder = std::filesystem::path(file).parent_path() / "found";
  std::filesystem::create_directories(folder / "real");
  std::filesystem::rename(file, folder / "real" / "found_x.csv");
  const auto windows = write("windows.json", R"({"real/x.csv": [["2014-04-10 00:30:00.000000",)"
                                             R"( "2014-04-10 00:40:00.000000"]]})");
  const auto result =
      run({"score", folder.string(), "--reference", windows, "--metric", "nab", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_DOUBLE_EQ(json::parse(result.out)["scores"][0]["standard"], 100);
  test::write_bytes(folder / "real" / "found_x.csv", series + "2014-04-10 01:00:00,1.5,1.1,0\n");
  const auto high = run({"score", folder.string(), "--reference", windows, "--metric", "nab"});
  EXPECT_EQ(high.code, 3);
  EXPECT_THAT(high.err, HasSubstr("found_x.csv:62: expected a score from 0 to 1, given 1.1"));
  const auto bad = write("bad.json", R"({"real/y.csv": []})");
  const auto absent = run({"score", folder.string(), "--reference", bad, "--metric", "nab"});
  EXPECT_EQ(absent.code, 3);
  EXPECT_THAT(absent.err, HasSubstr("expected a file real/y.csv or real/found_y.csv"));
}

TEST_F(ScoreOfFiles, SaysWhatIsWrong) {
  EXPECT_THAT(problem("regression", "1\nx\n", "1\n2\n"),
              HasSubstr("predicted:2: expected a number"));
  EXPECT_THAT(problem("ranking", "1 2\n1\n", "1\n1\n"), HasSubstr("expected 2 numbers"));
  EXPECT_THAT(problem("auc", "1\n2\n", "0\n0.5\n"), HasSubstr("right:2: expected a whole number"));
  EXPECT_THAT(problem("ranking", "1 2\n", "2\n"), HasSubstr("expected values in 0 .. 1, given 2"));
  EXPECT_THAT(problem("classes", "a\nb\n", "a\n"), HasSubstr("has 2 lines"));
  EXPECT_THAT(problem("spans", "a PER\n", "a O\n"), HasSubstr("tag 'PER'"));
  EXPECT_THAT(problem("spans", "a O\nb O\n", "a O\n"), HasSubstr("as many words as the 1"));
  EXPECT_THAT(problem("srl", "1\ta\n", "1\ta\n"), HasSubstr("columns"));
  EXPECT_THAT(problem("nab", "a\n", "[1]\n"), HasSubstr("combined_windows.json"));
  const auto file = write("numbers", "1\n");
  EXPECT_EQ(run({"score", file, "--reference", file, "--metric", "quantiles"}).code, 2);
  EXPECT_EQ(
      run({"score", file, "--reference", file, "--reference", file, "--metric", "classes"}).code,
      2);
  EXPECT_EQ(run({"score", file, "--reference", file, "--history", file}).code, 2);
}

}  // namespace
}  // namespace heed::test
