// What noise and an adversary do to a model, and what a temperature does to its probabilities.
#include "heed/tasks/robustness.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/small_set.h"
#include "heed/tasks/predictor.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Robust : public test::CellRuns {
 protected:
  Predictor images(const std::vector<std::string>& more = {},
                   const std::string& name = "images") const {
    auto file = RecipeFile::read(test::write_small_set(folder_.path()));
    for (const auto& assignment : more) file.set(assignment);
    run(Recipe::read(file), name);
    return Predictor::load(folder_ / name);
  }
  /// Which of two words a text has, at any place among others.
  Predictor texts() const {
    std::string list = "text,label\n";
    for (int i = 0; i < 60; ++i) {
      std::string text;
      for (int k = 0; k < 5; ++k)
        text +=
            k == i % 5 ? (i % 2 ? "sunny " : "rainy ") : "word" + std::to_string((i + k) % 3) + " ";
      list += text + "," + (i % 2 ? "good\n" : "bad\n");
    }
    test::write_bytes(folder_ / "texts.csv", list);
    auto file = RecipeFile::parse(
        "data.train = '" + path("texts.csv") + "'\ndata.test = '" + path("texts.csv") + "'\n" + R"(
input = { kind = 'text', tokenizer = { kind = 'words', size = 20 } }
encoder = { width = 16, layers = 1, dropout = 0.0, attention = { num_heads = 2 } }
head = { kind = 'class' }
train = { epochs = 30, batch = 20, optimizer = { lr = 0.01 } }
)",
        "recipe.toml");
    run(Recipe::read(file), "texts");
    return Predictor::load(folder_ / "texts");
  }
};

std::vector<double> of_kind(const Robustness& found, const std::string& kind,
                            const std::string& name) {
  std::vector<double> all;
  for (const auto& row : found.rows) {
    if (row.kind != kind) continue;
    for (const auto& [own, value] : row.metrics)
      if (own == name) all.push_back(value);
  }
  return all;
}

TEST_F(Robust, AnAdversaryRaisesTheLossMoreThanNoise) {
  auto predictor = images();
  const auto found = predictor.robustness();
  EXPECT_EQ(found.metric, "accuracy");
  EXPECT_EQ(found.rows.front().kind, "none");
  EXPECT_EQ(found.rows.front().metrics.front(), predictor.evaluate().metrics.front());
  const double clean = of_kind(found, "none", "loss").at(0);
  for (const char* kind : {"gaussian_noise", "blur", "occlusion"})
    EXPECT_EQ(of_kind(found, kind, "loss").size(), 4u) << kind;
  const auto once = of_kind(found, "fgsm", "loss"), steps = of_kind(found, "pgd", "loss");
  ASSERT_EQ(once.size(), 4u);
  ASSERT_EQ(steps.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GT(once[i], i == 0 ? clean : once[i - 1]);
    EXPECT_GT(steps[i], 0.99 * once[i]) << "ten steps find no less than one";
  }
  // As many levels at random do far less than those of the gradient's signs.
  EXPECT_LT(of_kind(found, "gaussian_noise", "loss").at(0) - clean, (once[3] - clean) / 2);
  EXPECT_EQ(predictor.robustness().json(), found.json()) << "by the seed";
  EXPECT_NE(predictor.robustness({}, 2).json(), found.json());
  const auto plots = found.plots();
  ASSERT_EQ(plots.size(), 5u);
  EXPECT_THAT(plots[0].curves[0].x, ElementsAre(0, 8, 16, 32, 64));
  EXPECT_THAT(found.report(), HasSubstr("share of the image that is black"));
}

TEST_F(Robust, TextsLoseWordsAndLetters) {
  auto predictor = texts();
  const auto found = predictor.robustness();
  EXPECT_NEAR(of_kind(found, "none", "accuracy").at(0), 1, 1e-9);
  const auto dropped = of_kind(found, "dropped_words", "accuracy");
  ASSERT_EQ(dropped.size(), 4u);
  // Half of the words are gone, and with them the one that counts, of half of the texts.
  EXPECT_NEAR(dropped[3], 0.75, 0.15);
  EXPECT_LT(of_kind(found, "typos", "accuracy").at(3), 0.95);
  EXPECT_EQ(found.plots().size(), 2u) << "no pixels, no adversary";
}

TEST_F(Robust, ATemperatureChangesNoAnswer) {
  auto with = images({"head.calibrate=true"});
  const auto calibrated = with.evaluate().metrics;
  const double temperature = metric(calibrated, "temperature");
  EXPECT_GT(std::abs(temperature - 1), 1e-3);
  const auto without = metric(calibrated, "ece_uncalibrated");
  auto plain = images({}, "plain");
  const auto as_is = plain.evaluate().metrics;
  EXPECT_EQ(metric(calibrated, "accuracy"), metric(as_is, "accuracy"));
  EXPECT_NEAR(without, metric(as_is, "ece"), 1e-6);
  // softmax(z / T) of softmax(z) = p: p^(1 / T) over their sum.
  const auto shares = [&](Predictor& predictor) {
    const auto examples = predictor.stream({path("test")})->next(3);
    std::map<std::string, double> found;
    const auto json = nlohmann::json::parse(predictor.predict(examples)[2][0].json);
    for (const auto& each : json["top"]) found[each["class"]] = each["probability"];
    return found;
  };
  auto expected = shares(plain);
  double sum = 0;
  for (auto& [name, share] : expected) sum += share = std::pow(share, 1 / temperature);
  for (const auto& [name, share] : shares(with)) EXPECT_NEAR(share, expected[name] / sum, 1e-5);
}

/// After a step that is far too long, in the one of an epoch, validation has logits that are no numbers.
TEST_F(Robust, WhatDivergesHasNoTemperature) {
  EXPECT_THROW(
      images({"head.calibrate=true", "train.optimizer={ lr = 1e30 }",
              "train.schedule={ kind = 'constant' }", "train.clip_grad_norm=0.0",
              "train.batch=100000", "train.accumulate=1", "train.ema=0.0", "train.epochs=3"}),
      DivergedError);
}

TEST_F(Robust, WithoutValidationThereIsNoTemperature) {
  try {
    images({"head.calibrate=true", "data.holdout=0"});
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("head.calibrate"));
  }
}

TEST_F(Robust, BelowTheThresholdNothingIsAnswered) {
  auto predictor = images();
  predictor.answer_by({.refuse = 1});
  const auto examples = predictor.stream({path("test")})->next(7);
  for (const auto& answer : predictor.predict(examples)) {
    EXPECT_TRUE(answer[0].text.starts_with("refused\t")) << answer[0].text;
    const auto json = nlohmann::json::parse(answer[0].json);
    EXPECT_EQ(json["refused"], true);
    EXPECT_FALSE(json.contains("class"));
  }
  EXPECT_EQ(metric(predictor.evaluate().metrics, "coverage"), 0);
  predictor.answer_by({.refuse = 0});
  const auto all = predictor.evaluate().metrics;
  EXPECT_EQ(metric(all, "coverage"), 1);
  EXPECT_EQ(metric(all, "accuracy_answered"), metric(all, "accuracy"));
}

}  // namespace
}  // namespace heed
