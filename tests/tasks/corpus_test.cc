// Language models of one text: training, measuring, writing on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "heed/train/train.h"
#include "tasks/text_cells.h"

namespace heed {
namespace {

using testing::HasSubstr;

class Corpus : public testing::Test {
 protected:
  std::string trained(const std::vector<std::string>& more = {}) const {
    auto recipe = corpus_.recipe(more);
    recipe.train.max_steps = 3;
    const auto options = recipe.train;
    const auto folder = (corpus_.folder / "model").string();
    const auto task = make_task(std::move(recipe));
    train(*task, {.options = options, .folder = folder});
    return folder;
  }

  test::CorpusFile corpus_;
};

TEST_F(Corpus, GoesOnFromACursorWithTheSameBatches) {
  for (const std::string memory : {"head.memory=0", "head.memory=8"}) {
    // Positions of what is remembered go by distance.
    const std::vector<std::string> more = {
        memory, "head.decoder_attention={ position = \"alibi\", num_heads = 2 }"};
    const auto one = make_task(corpus_.recipe(more)), other = make_task(corpus_.recipe(more));
    for (int64_t i = 0; i < one->batches(); ++i) one->next();
    const auto end = one->cursor();
    other->seek(end);
    const auto a = one->next(), b = other->next();  // a stateful model begins anew with the epoch
    EXPECT_EQ(a.records, b.records) << memory;
    EXPECT_TRUE(at::equal(a.loss, b.loss)) << memory;
    EXPECT_EQ(one->cursor(), other->cursor());
    EXPECT_EQ(one->cursor().epoch, end.epoch + 1);
  }
}

TEST_F(Corpus, MetricsAreMeansOfTheSameLosses) {
  const auto task = make_task(corpus_.recipe());
  task->model().eval();
  const auto stats = test::by_name(task->dataset_stats());
  const auto found = test::by_name(*task->validate());
  const double tokens = stats.at("valid tokens") - 1;
  EXPECT_EQ(stats.at("valid examples"), tokens);
  EXPECT_NEAR(found.at("perplexity"), std::exp(found.at("loss")), 1e-9);
  EXPECT_NEAR(found.at("nats_per_character") * (stats.at("valid characters") - 1),
              found.at("loss") * tokens, 1e-6);
  EXPECT_EQ(task->selection_metric().metric, "loss");
  EXPECT_FALSE(task->selection_metric().larger_is_better);
}

TEST_F(Corpus, AUnigramModelIsTheBaseline) {
  std::ofstream(corpus_.folder / "ab") << "aab";  // with its line feed: a a b \n
  const auto file = "data.train=[\"" + (corpus_.folder / "ab").string() + "\"]";
  const auto test = "data.test=[\"" + (corpus_.folder / "ab").string() + "\"]";
  const auto task = make_task(corpus_.recipe({file, test, "data.holdout=0", "input.context=3"}));
  task->model().eval();
  const auto found = test::by_name(*task->test());
  // 4 tokens seen, 7 pieces with the special ones: a 3/11, b 2/11, \n 2/11.
  const double expected = -(std::log(3.0 / 11) + std::log(2.0 / 11) + std::log(2.0 / 11)) / 3;
  EXPECT_NEAR(found.at("baseline_loss"), expected, 1e-12);
}

TEST_F(Corpus, ATrainedModelGoesOn) {
  auto predictor = Predictor::load(trained(), {"head.generate.max_length=12"});
  const auto found = predictor.predict(predictor.find("line 3"));
  EXPECT_THAT(found[0][0].text, testing::StartsWith("line 3"));
  EXPECT_EQ(nlohmann::json::parse(found[0][0].json).at("output"), found[0][0].text);
  EXPECT_THAT(predictor.predict(predictor.find(""))[0][0].text, testing::StartsWith("\n"));
  EXPECT_THROW(predictor.answer_by({.prefix = "x"}), UsageError);
  const auto seen = predictor.explain(predictor.find("line"));
  EXPECT_EQ(seen.heads[0].read.size(), 4);
  EXPECT_EQ(seen.maps.size(), 1);
}

TEST_F(Corpus, ATextLongerThanThePositionsIsNamedByItsPlace) {
  auto predictor = Predictor::load(trained({"head.max_positions=40"}));
  EXPECT_NO_THROW(predictor.explain(predictor.find(std::string(40, 'l'))));
  try {
    predictor.explain(predictor.find(std::string(41, 'l')));
    ADD_FAILURE() << "accepted";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr(": a text of 41 tokens, and the model has positions for 40"));
  }
}

TEST_F(Corpus, EvaluationIsValidation) {
  const auto folder = trained();
  const auto text = (corpus_.folder / "text").string();
  const auto task = make_task(corpus_.recipe({"data.holdout=0", "data.test=[\"" + text + "\"]"}));
  auto predictor = Predictor::load(folder);
  const auto found = predictor.evaluate({text});
  EXPECT_EQ(test::by_name(found.metrics).count("baseline_perplexity"), 1);
  EXPECT_TRUE(found.outputs.empty());
}

TEST_F(Corpus, RefusesWhatCannotBe) {
  const auto refused = [&](const std::string& more, const std::string& words) {
    try {
      make_task(corpus_.recipe({more}));
      ADD_FAILURE() << "accepted " << more;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  refused("head.encoder_layers=1", "encoder_layers");
  refused("head={ kind = \"text\", model = \"recurrent\" }", "transformer");
  refused("head.metric.kind=\"bleu\"", "metric");
  refused("data.test=[\"a\", \"b\"]", "data.test: expected one text");
  refused(
      "head={ kind = \"text\", preset = \"gpt\" , width = 16, hidden = 16, decoder_layers = 1, "
      "decoder_attention = { position = \"learned(8)\", num_heads = 2 } }",
      "input.context");
}

}  // namespace
}  // namespace heed
