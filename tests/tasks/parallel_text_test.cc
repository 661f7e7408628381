// Recipes that write a text of a text: training, validation, and what a trained model answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/tasks/predictor.h"
#include "heed/train/import.h"
#include "heed/train/model_folder.h"
#include "heed/train/train.h"
#include "shared_data.h"
#include "tasks/precision.h"
#include "tasks/text_cells.h"

namespace heed {
namespace {

using testing::HasSubstr;

class ParallelText : public testing::Test {
 protected:
  std::unique_ptr<Task> task(const std::vector<std::string>& more = {}) const {
    return make_task(pairs_.recipe(more));
  }

  /// A model folder of a few steps.
  std::string trained(const std::string& name, const std::vector<std::string>& more = {}) const {
    auto recipe = pairs_.recipe(more);
    recipe.train.max_steps = 3;
    const auto options = recipe.train;
    const auto folder = pairs_.path(name.c_str());
    const auto task = make_task(std::move(recipe));
    train(*task, {.options = options, .folder = folder});
    return folder;
  }

  test::PairFiles pairs_;
};

TEST_F(ParallelText, GoesOnFromACursorWithTheSameBatches) {
  const auto one = task(), other = task();
  for (int64_t i = 0; i < one->batches() + 2; ++i) one->next();  // into the second epoch
  other->seek(one->cursor());
  const auto a = one->next(), b = other->next();
  EXPECT_EQ(a.records, b.records);
  EXPECT_EQ(a.count, b.count);
  EXPECT_TRUE(at::equal(a.loss, b.loss)) << "equal seeds, equal weights, equal batches";
}

TEST_F(ParallelText, LearnsInLowerPrecision) {
  const std::vector<std::string> post = {"head.norm=\"post\"", "head.activation=\"gelu\""};
  const auto recurrent = [&](const char* cell, const char* attention) {
    auto file = RecipeFile::parse("data.train = " + pairs_.files() + R"(
input = { kind = "parallel", source = { kind = "words" }, target = { kind = "words" } }
head = { kind = "text", model = "recurrent", width = 16, embedding = 16, dropout = 0.0, cell = ")" +
                                      cell + "\", attention_type = \"" + attention + "\" }\n" +
                                      "train.batch = 64\n",
                                  "recipe.toml");
    return Recipe::read(file);
  };
  test::expect_lower_precision(*task(), *task());
  test::expect_lower_precision(*task(post), *task(post));
  test::expect_lower_precision(*make_task(recurrent("gru", "bahdanau")),
                               *make_task(recurrent("gru", "bahdanau")));
  test::expect_lower_precision(*make_task(recurrent("lstm", "luong")),
                               *make_task(recurrent("lstm", "luong")));
}

TEST_F(ParallelText, CountsTokensWithTheirEnds) {
  const auto own = task();
  int64_t tokens = 0, pairs = 0;
  for (int64_t i = 0; i < own->batches(); ++i) {
    const auto batch = own->next();
    tokens += batch.count, pairs += static_cast<int64_t>(batch.records.size());
  }
  EXPECT_EQ(pairs, 60);
  EXPECT_EQ(tokens, 60 * 3);
  EXPECT_STREQ(own->unit(), "tokens");
  EXPECT_THAT(own->record_name(16), HasSubstr("a:17"));
}

TEST_F(ParallelText, ValidationHasLossMetricsAndSamples) {
  const auto own = task();
  own->model().eval();
  const auto found = own->validate();
  ASSERT_TRUE(found);
  std::vector<std::string> names;
  for (const auto& [name, value] : *found) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("bleu", "chrf", "loss", "perplexity"));
  ASSERT_EQ(own->samples().size(), 3);
  EXPECT_EQ(own->samples()[1].input, "w0 w1 x");
  EXPECT_EQ(own->samples()[1].expected, "y1 y");
  EXPECT_FALSE(own->test());
}

TEST_F(ParallelText, ValidationByLossWritesNothing) {
  const auto own = task({"head.metric.kind=\"loss\""});
  own->model().eval();
  EXPECT_EQ(own->validate()->size(), 2);
  EXPECT_TRUE(own->samples().empty());
}

TEST_F(ParallelText, SummariesStandBesideTheFirstWordsOfTheirSources) {
  std::ofstream(pairs_.folder / "long") << "a b c d\n\te  f g\nh\n";
  std::ofstream(pairs_.folder / "short") << "a b\ng e\nh i j\n";
  const auto both = "[\"" + pairs_.path("long") + "\", \"" + pairs_.path("short") + "\"]";
  const auto own =
      task({"head.metric={ kind = 'rouge', lead = 2 }", "data.test=" + both, "data.max_unknown=1"});
  own->model().eval();
  const auto found = test::by_name(*own->test());
  EXPECT_DOUBLE_EQ(found.at("baseline_rouge1"), (1 + 0.5 + 0.5) / 3);  // "a b", "e f", "h"
  EXPECT_DOUBLE_EQ(found.at("baseline_rouge2"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(found.at("baseline_rougeL"), (1 + 0.5 + 0.5) / 3);
  EXPECT_EQ(found.count("rougeL"), 1);
  EXPECT_THROW(pairs_.recipe({"head.metric={ kind = 'bleu', lead = 2 }"}), ModelError);
}

TEST_F(ParallelText, CopyingTheSourceIsTheBaselineOfTranslations) {
  const auto same = "[\"" + pairs_.path("a") + "\", \"" + pairs_.path("a") + "\"]";
  const auto own = task({"data.test=" + same});
  own->model().eval();
  EXPECT_DOUBLE_EQ(test::by_name(*own->test()).at("baseline_chrf"), 100);
}

TEST_F(ParallelText, RefusesWhatCannotBe) {
  const auto refused = [&](const std::string& more, const std::string& words) {
    try {
      task({more});
      ADD_FAILURE() << "accepted " << more;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(words));
    }
  };
  refused("input.max_source_length=3", "a:");
  refused("data.test=[\"x\"]", "data.test: expected [source, target]");
  refused("data.test=[\"x\", \"y\"]", "x");
  refused("input.format=\"tsv\"", "data.train: expected [file]");
  refused("input.format=\"csv\"", "'tsv'");
  refused("input.tokens=4096", "tokens");
  refused("encoder={ kind = \"text\" }", "encoder");
  refused("head={ kind = \"class\", column = \"target\" }", "'none'");
  refused("head={ kind = \"text\", preset = \"gpt\" }", "encoder_layers");
}

TEST_F(ParallelText, EvaluationMeasuresWhatTrainingMeasures) {
  // Two of four pairs are left out: one is empty, one is too long.
  std::ofstream(pairs_.folder / "c") << "w1 x\n\nw1 w2 w3 w4 w5 w6 x\nw2 x\n";
  std::ofstream(pairs_.folder / "d") << "y1 y\ny\ny2 y\ny3 y\n";
  const auto split = "[\"" + pairs_.path("c") + "\", \"" + pairs_.path("d") + "\"]";
  const std::vector<std::string> options = {"input.max_source_length=6", "data.valid=" + split,
                                            "data.test=" + split, "input.skip_too_long=true",
                                            "input.skip_empty=true"};
  const auto own = task(options);
  own->model().eval();
  const auto trained = *own->test();
  own->validate();
  EXPECT_THAT(own->dataset_stats(),
              testing::IsSupersetOf(
                  {testing::Pair("test pairs left out: a side is empty", testing::DoubleEq(1)),
                   testing::Pair("test pairs left out: too long", testing::DoubleEq(1))}));
  ASSERT_EQ(own->samples().size(), 3);
  EXPECT_EQ(own->samples()[1].output, "");

  ModelFiles files;
  files.recipe = to_toml(own->recipe());
  files.tensors = named_tensors(own->model());
  files.others = own->files();
  save_model(pairs_.folder / "model", files);
  const auto found =
      Predictor::load(pairs_.folder / "model").evaluate({pairs_.path("c"), pairs_.path("d")});
  EXPECT_EQ(found.metrics, trained) << "to the last bit";
  EXPECT_EQ(found.outputs.size(), 4);
  const auto details = nlohmann::json::parse(found.details);
  EXPECT_EQ(details.at("pairs"), 2);
  EXPECT_EQ(details.at("left_out"), 2);

  // A pair that no batch of train.batch tokens can hold is refused before training.
  EXPECT_THROW(task({"train.batch=4"}), Error);
  auto strict = options;
  strict.resize(3);
  EXPECT_THROW(task(strict), DataError) << "nothing is left out unless the recipe says so";
}

TEST_F(ParallelText, PairsOfOneFile) {
  std::ofstream(pairs_.folder / "both.tsv") << "1\ta b\tc\n2\td\te f\n";
  const auto own = task({"input.format=\"tsv\"", "input.columns=[2, 3]",
                         "data.train=[\"" + pairs_.path("both.tsv") + "\"]", "data.valid=[]"});
  EXPECT_EQ(own->next().records.size(), 2);
}

TEST_F(ParallelText, HoldsPairsOut) {
  const auto own = task({"data.valid=[]", "data.holdout=0.25"});
  const auto stats = test::by_name(own->dataset_stats());
  EXPECT_EQ(stats.at("train examples"), 45);
  EXPECT_EQ(stats.at("valid examples"), 15);
  own->model().eval();
  EXPECT_TRUE(own->validate());
}

TEST_F(ParallelText, ATrainedModelAnswersAsItIsTold) {
  auto predictor = Predictor::load(trained("model"),
                                   {"head.generate.beam_size=2", "head.generate.num_hypotheses=2"});
  std::ofstream(pairs_.folder / "in") << "w0 x\n\nw1 x\n";
  const auto examples = predictor.stream({pairs_.path("in")})->next(10);
  ASSERT_EQ(examples->size(), 3);
  const auto found = predictor.predict(examples);
  ASSERT_EQ(found[0][0].lines.size(), 2u);
  EXPECT_THAT(found[0][0].lines[0], testing::StartsWith("0 ||| "));
  EXPECT_THAT(found[2][0].lines[1], testing::StartsWith("2 ||| "));
  const auto json = nlohmann::json::parse(found[2][0].json);
  EXPECT_EQ(json.at("hypotheses").size(), 2);
  EXPECT_EQ(json.at("output"), json.at("hypotheses")[0].at("output"));
  EXPECT_EQ(nlohmann::json::parse(found[1][0].json).at("output"), "")
      << "an empty line says nothing";
}

TEST_F(ParallelText, NumbersThatOverflowAreSaidOfTheFileOfWeights) {
  const auto folder = trained("model"), other = trained("other");
  auto predictor = Predictor::load(folder);
  {
    const at::NoGradGuard no_grad;
    for (auto& parameter : predictor.module().parameters()) parameter.fill_(-3e38);
  }
  std::ofstream(pairs_.folder / "in") << "w0 x\n";
  const auto said = [](const auto& compute) -> std::string {
    try {
      compute();
    } catch (const ModelError& error) {
      return error.what();
    }
    return "nothing";
  };
  const auto names = testing::AllOf(HasSubstr(folder), HasSubstr("model.safetensors: generate: "),
                                    HasSubstr("NaN or infinite"));
  const auto examples = predictor.stream({pairs_.path("in")})->next(1);
  EXPECT_THAT(said([&] { predictor.predict(examples); }), names);
  EXPECT_THAT(said([&] { predictor.explain(examples); }), names);
  EXPECT_THAT(said([&] { predictor.evaluate({pairs_.path("a"), pairs_.path("b")}); }), names);
  predictor.answer_by({.with = {other}});
  EXPECT_THAT(said([&] { predictor.predict(examples); }),
              testing::AllOf(HasSubstr("model.safetensors with " + other), HasSubstr("1 of 2")));
}

TEST_F(ParallelText, PrefixesAndTargetsStandBesideTheLines) {
  const auto folder = trained("model");
  std::ofstream(pairs_.folder / "in") << "w0 x\nw1 x\n";
  std::ofstream(pairs_.folder / "beside") << "y1 y\ny2\n";
  std::ofstream(pairs_.folder / "more") << "y1 y\ny2\ny3\n";
  auto predictor = Predictor::load(folder);
  const auto answered = [&](const AnswerOptions& options) {
    predictor.answer_by(options);
    auto found = predictor.predict(predictor.stream({pairs_.path("in")})->next(10));
    predictor.finish();
    return found;
  };
  const auto begun = answered({.prefix = pairs_.path("beside")});
  EXPECT_THAT(begun[0][0].text, testing::StartsWith("y1 y"));
  EXPECT_THAT(begun[1][0].text, testing::StartsWith("y2"));
  const auto scored = answered({.target = pairs_.path("beside")});
  const auto json = nlohmann::json::parse(scored[0][0].json);
  EXPECT_EQ(json.at("target"), "y1 y");
  ASSERT_EQ(json.at("tokens").size(), 3);
  double sum = 0;
  for (const auto& token : json.at("tokens")) sum += token.at("log_probability").get<double>();
  EXPECT_NEAR(json.at("log_probability").get<double>(), sum, 1e-9);
  EXPECT_NEAR(std::stod(scored[0][0].text), sum, 1e-5);
  EXPECT_THROW(answered({.target = pairs_.path("more")}), DataError);
  EXPECT_THROW(answered({.prefix = pairs_.path("in"), .target = pairs_.path("in")}), UsageError);
  EXPECT_THROW(answered({.top = 3}), UsageError);
  const auto alone = answered({}), twice = answered({.with = {folder}});
  EXPECT_EQ(alone[0][0].text, twice[0][0].text) << "a model with itself is that model";
}

TEST_F(ParallelText, ModelsOfOtherVocabulariesDoNotWriteTogether) {
  auto predictor = Predictor::load(trained("one"));
  const auto other = trained("other", {"input.target.min_count=13"});
  EXPECT_THROW(predictor.answer_by({.with = {other}}), ModelError);
}

TEST_F(ParallelText, ShowsWhatItReadAndWrote) {
  auto predictor = Predictor::load(trained("model"));
  const auto seen = predictor.explain(predictor.find(pairs_.path("a") + ":2"), "y1 y");
  const auto texts = [](const std::vector<TokenPlace>& tokens) {
    std::vector<std::string> all;
    for (const auto& token : tokens) all.push_back(token.text);
    return all;
  };
  EXPECT_EQ(seen.shown.text, "w0 w1 x");
  EXPECT_THAT(texts(seen.shown.tokens), testing::ElementsAre("w0", "w1", "x", "</s>"));
  ASSERT_EQ(seen.heads.size(), 1);
  EXPECT_THAT(texts(seen.heads[0].read), testing::ElementsAre("<s>", "y1", "y"));
  EXPECT_THAT(texts(seen.heads[0].predicted), testing::ElementsAre("y1", "y", "</s>"));
  EXPECT_EQ(seen.heads[0].prediction.text, "y1 y");
  const auto own = predictor.explain(predictor.find("w0 w1 x"));
  EXPECT_EQ(own.maps.size(), 3) << "encoder, decoder, cross: the search leaves no maps";
}

TEST_F(ParallelText, EvaluationSaysHowItMeasured) {
  auto predictor = Predictor::load(trained("model"));
  const auto found = predictor.evaluate({pairs_.path("a"), pairs_.path("b")});
  EXPECT_EQ(found.examples, 60);
  EXPECT_EQ(found.outputs.size(), 60);
  const auto metrics = test::by_name(found.metrics);
  EXPECT_NEAR(metrics.at("perplexity"), std::exp(metrics.at("loss")), 1e-9);
  const auto details = nlohmann::json::parse(found.details);
  EXPECT_THAT(details.at("signature").get<std::string>(), HasSubstr("tok:13a"));
  EXPECT_GT(details.at("tokens_per_second").get<double>(), 0);
  EXPECT_THAT(found.report, HasSubstr("signature\t"));
}

TEST(ImportedText, WritesWhatOthersSayThatItWrites) {
  const auto theirs = test::shared_data() / "models" / "ct2_aren_transliteration";
  if (!std::filesystem::exists(theirs)) GTEST_SKIP() << theirs << " is not there";
  const test::TemporaryFolder folder;
  import_model(
      std::filesystem::path(HEED_SOURCE_DIR) / "recipes/imports/aren-transliteration-map.toml",
      theirs / "aren_transliteration.safetensors", folder / "aren");
  auto predictor = Predictor::load(folder / "aren");
  const auto expected = nlohmann::json::parse(read_text(theirs / "expected.json"));
  int64_t compared = 0;
  for (const auto& one : expected["published"]) {
    if (!one["prefix"].empty()) continue;
    std::string source, target;
    for (const auto& piece : one["src"])
      source += (source.empty() ? "" : " ") + piece.get<std::string>();
    for (const auto& piece : one["out"])
      target += (target.empty() ? "" : " ") + piece.get<std::string>();
    EXPECT_EQ(predictor.predict(predictor.find(source))[0][0].text, target);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace heed
