// heed eval --noise and --refuse, heed predict --refuse, as a user meets them.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "files.h"

namespace heed::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class Noisy : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = train_once("classify", write_small_set); }
  static inline Trained trained_;
  TemporaryFolder folder_;
};

TEST_F(Noisy, MeasuresUnderEachNoise) {
  const auto plain = json::parse(run({"eval", trained_.model, "--json"}).out);
  const auto svg = (folder_ / "noise.svg").string(), png = (folder_ / "noise.png").string();
  const auto result =
      run({"eval", trained_.model, "--noise", "--json", "--svg", svg, "--png", png});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto found = json::parse(result.out);
  EXPECT_EQ(found["metric"], "accuracy");
  const auto& rows = found["noise"];
  EXPECT_EQ(rows[0]["noise"], "none");
  EXPECT_EQ(rows[0]["accuracy"], plain["accuracy"]);
  EXPECT_FALSE(rows[0].contains("baseline_accuracy"));
  std::map<std::string, std::vector<double>> accuracy, loss;
  for (const auto& row : rows) {
    accuracy[row["noise"]].push_back(row["accuracy"]), loss[row["noise"]].push_back(row["loss"]);
    EXPECT_EQ(row["examples"], 60);
  }
  for (const char* kind : {"gaussian_noise", "blur", "occlusion", "fgsm", "pgd"})
    EXPECT_EQ(accuracy[kind].size(), 4u) << kind;
  for (const char* kind : {"fgsm", "pgd"}) {
    EXPECT_GT(loss[kind][0], plain["loss"].get<double>()) << "an adversary raises the loss";
    EXPECT_GT(loss[kind][3], loss[kind][0]);
  }
  EXPECT_GE(loss["pgd"][0], 0.99 * loss["fgsm"][0]);
  EXPECT_GT(loss["blur"][3], plain["loss"].get<double>()) << "4 pixels of 12 hide the quarters";
  EXPECT_THAT(read_bytes(svg), HasSubstr("gaussian_noise"));
  EXPECT_THAT(read_bytes(png), StartsWith("\x89PNG"));
  EXPECT_EQ(run({"eval", trained_.model, "--noise", "--json"}).out, result.out) << "by the seed";
}

TEST_F(Noisy, TheTableNamesStrengthsAndUnits) {
  const auto result = run({"eval", trained_.model, "--noise"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("occlusion"));
  EXPECT_THAT(result.out, HasSubstr("share of the image that is black"));
  EXPECT_EQ(run({"eval", trained_.model, "--noise", "--output", (folder_ / "x").string()}).code, 2);
  const auto alone = run({"eval", trained_.model, "--background", trained_.model});
  EXPECT_EQ(alone.code, 2);
  EXPECT_THAT(alone.err, HasSubstr("give --noise"));
  const auto deaf = run({"eval", trained_.model, "--noise", "--background", trained_.model});
  EXPECT_EQ(deaf.code, 2);
  EXPECT_THAT(deaf.err, HasSubstr("hears no recordings"));
}

/// "-" is a list of names. A file by itself is told from one by its NULs.
TEST_F(Noisy, WhatIsInAFileIsNoListOfNames) {
  const auto result = run({"predict", trained_.model, "-"}, {.input = std::string("GIF\0\1\n", 6)});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("standard input:1: no name of a file"));
}

TEST_F(Noisy, AnswersBelowAThresholdAreRefused) {
  const auto test = trained_.file("test");
  const auto plain = run({"predict", trained_.model, test, "--json"});
  std::vector<double> sure;
  std::istringstream lines(plain.out);
  for (std::string line; std::getline(lines, line);)
    sure.push_back(json::parse(line)["probability"]);
  ASSERT_EQ(sure.size(), 60u);
  auto sorted = sure;
  std::sort(sorted.begin(), sorted.end());
  const double threshold = (sorted[29] + sorted[30]) / 2;
  const auto text = std::to_string(threshold);
  const auto result = run({"predict", trained_.model, test, "--json", "--refuse", text});
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream again(result.out);
  int refused = 0, count = 0;
  for (std::string line; std::getline(again, line); ++count) {
    const auto answer = json::parse(line);
    EXPECT_EQ(answer.contains("refused"), sure[size_t(count)] < threshold);
    EXPECT_NE(answer.contains("refused"), answer.contains("class"));
    refused += answer.contains("refused");
  }
  EXPECT_EQ(count, 60);
  EXPECT_NEAR(refused, 30, 1);
  EXPECT_THAT(run({"predict", trained_.model, test, "--refuse", text}).out,
              HasSubstr("refused\t0."));
  const auto measured = json::parse(run({"eval", trained_.model, "--refuse", text, "--json"}).out);
  EXPECT_NEAR(measured["coverage"].get<double>(), 0.5, 0.02);
  EXPECT_TRUE(measured.contains("accuracy_answered"));
  EXPECT_TRUE(measured.contains("ece"));
  const auto all = json::parse(run({"eval", trained_.model, "--refuse", "0", "--json"}).out);
  EXPECT_EQ(all["coverage"], 1);
  EXPECT_EQ(all["accuracy_answered"], all["accuracy"]);
  for (const char* none : {"1.5", "-0.1", "nan", "half"})
    EXPECT_EQ(run({"predict", trained_.model, test, "--refuse", none}).code, 2) << none;
}

TEST_F(Noisy, ATemperatureIsFittedWhereTheRecipeAsks) {
  const auto model = (folder_ / "calibrated").string();
  const auto trained =
      run({"train", trained_.recipe, "--set", "head.calibrate=true", "--out", model, "--json"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto with = json::parse(run({"eval", model, "--json"}).out);
  const auto without = json::parse(run({"eval", trained_.model, "--json"}).out);
  EXPECT_EQ(with["accuracy"], without["accuracy"]) << "no answer changes";
  EXPECT_NEAR(with["ece_uncalibrated"].get<double>(), without["ece"].get<double>(), 1e-6);
  EXPECT_NE(with["temperature"].get<double>(), 1);
  EXPECT_FALSE(without.contains("temperature"));
  const auto refused =
      run({"check", trained_.recipe, "--set", "head.calibrate=true", "--set", "data.holdout=0"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.err, HasSubstr("head.calibrate"));
}

}  // namespace
}  // namespace heed::test
