// Texts that the tests make: sentences of a grammar, whose hidden words can be told, and pairs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "heed/train/model_folder.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::HasSubstr;

constexpr const char* kBeasts[] = {"cat", "dog", "cow", "hen"};
constexpr const char* kSounds[] = {"mews", "barks", "moos", "clucks"};
constexpr const char* kTimes[] = {"today", "often", "never"};

/// A beast makes its own sound: each word but the last is told by the others. Behind the text its
/// class, and the same in another language.
std::string sentences(int count, uint64_t seed) {
  Random random(seed);
  std::string text = "text,class,pair\n";
  for (int i = 0; i < count; ++i) {
    const auto beast = random.below(4), time = random.below(3);
    const auto number = std::to_string(random.below(6));
    text += std::string("the ") + kBeasts[beast] + " " + kSounds[beast] + " " + kTimes[time] + " " +
            number + "," + kBeasts[beast] + ",b" + std::to_string(beast) + " t" +
            std::to_string(time) + " n" + number + "\n";
  }
  return text;
}

class Texts : public test::CellRuns {
 protected:
  Texts() {
    test::write_bytes(folder_ / "train.csv", sentences(300, 1));
    test::write_bytes(folder_ / "test.csv", sentences(60, 2));
  }

  Recipe recipe(const std::string& head, const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("seed = " + std::to_string(test::learning_seed(1)) +
                                      "\ndata.train = '" + path("train.csv") + "'\ndata.test = '" +
                                      path("test.csv") + "'\nhead = " + head +
                                      R"(
data.holdout = 0.1
input = { kind = 'text', tokenizer = { kind = 'words' } }
encoder.width = 16
encoder.layers = 1
encoder.scale_embeddings = true
encoder.attention = { num_heads = 2, position = 'sinusoidal' }
train = { epochs = 20, batch = 16, optimizer = { lr = 0.01 }, schedule = { kind = 'cosine' } }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  std::string error_of(Recipe recipe) const {
    try {
      make_task(std::move(recipe));
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

constexpr const char* kMasked = "{ kind = 'masked', mask = { probability = 0.3 } }";

TEST_F(Texts, LearnsHiddenWords) {
  const auto result = run(recipe(kMasked, {"train.epochs=60"}), "run");
  ASSERT_TRUE(result.test);
  const double loss = metric(*result.test, "loss");
  EXPECT_NEAR(metric(*result.test, "perplexity"), std::exp(loss), 1e-9);
  test::expect_learned("loss", loss, 1.25, 0);
  EXPECT_GT(metric(*result.test, "baseline_loss"), loss + 0.6);
  EXPECT_GT(metric(*result.test, "accuracy"), metric(*result.test, "baseline_accuracy") + 0.2);

  auto predictor = Predictor::load(folder_ / "run");
  EXPECT_DOUBLE_EQ(metric(predictor.evaluate().metrics, "loss"), loss);
  test::write_bytes(folder_ / "two.csv", "text\nthe cat mews today 1\nthe cat barks today 1\n");
  const auto stream = predictor.stream({path("two.csv")});
  const auto answers = predictor.predict(stream->next(2));
  const auto right = nlohmann::json::parse(answers[0][0].json);
  const auto wrong = nlohmann::json::parse(answers[1][0].json);
  EXPECT_EQ(right["tokens"].size(), 5u);
  EXPECT_EQ(right["tokens"][2]["best"], "mews");
  EXPECT_GT(right["log_probability"].get<double>(), wrong["log_probability"].get<double>() + 1);
}

TEST_F(Texts, HidesFeaturesWithTheirTokens) {
  const std::vector<std::string> features{"input.features={max_ngram=3, buckets=50}"};
  const auto result = run(recipe(kMasked, features), "run");
  // Features that stay would tell every hidden word.
  EXPECT_GT(metric(*result.test, "loss"), 0.4);
  EXPECT_GT(metric(*result.test, "baseline_loss"), metric(*result.test, "loss") + 0.5);
}

TEST_F(Texts, HiddenWordsGoOnWithTheSameBits) {
  const auto small = [&] {
    return recipe(kMasked, {"train.epochs=2", "train.save_every=5", "train.keep_checkpoints=100"});
  };
  expect_resume(small, 20, 34);
}

TEST_F(Texts, BeginsWithAnotherModelsEncoder) {
  run(recipe(kMasked, {"train.epochs=1"}), "masked");
  const std::string head = "{ kind = 'class', column = 'class' }";
  const auto from = "model.from=" + path("masked");
  // A step whose rate is nearly nothing leaves the encoder as it was.
  run(recipe(head, {from, "train.max_steps=1", "train.optimizer.lr=1e-30"}), "class");
  const auto theirs = load_model(folder_ / "masked"), ours = load_model(folder_ / "class");
  int same = 0;
  for (const auto& [name, tensor] : theirs.tensors)
    for (const auto& [own, other] : ours.tensors)
      same += name == own && name.starts_with("encoder.") && at::equal(tensor, other);
  EXPECT_GT(same, 10);
  EXPECT_EQ(theirs.others.at("text.tokenizer"), ours.others.at("text.tokenizer"));
  EXPECT_EQ(Predictor::load(folder_ / "class").evaluate().examples, 60);

  const auto complaint = [&](const std::vector<std::string>& more) {
    try {
      recipe(head, more);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(complaint({from, "encoder.width=32"}), HasSubstr("encoder.width is 32, and 16 in "));
  EXPECT_THAT(complaint({from, "encoder.layers=2"}), HasSubstr("encoder.layers is 2, and 1 in "));
  EXPECT_THAT(complaint({from, "input.tokenizer.lowercase=true"}),
              HasSubstr("input.tokenizer.lowercase is true, and false in "));
  EXPECT_THAT(complaint({"model.from=" + path("nowhere")}), HasSubstr("model.from: "));
}

TEST_F(Texts, FindsWhatBelongsTogether) {
  const auto result = run(
      recipe("{ kind = 'embedding', temperature = 0.1 }", {"input.pair=pair", "train.epochs=30"}),
      "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("recall@1", metric(*result.test, "recall@1"), 0.9);
  EXPECT_LT(metric(*result.test, "baseline_recall@1"), 0.1);
  auto predictor = Predictor::load(folder_ / "run");
  EXPECT_DOUBLE_EQ(metric(predictor.evaluate().metrics, "mrr"), metric(*result.test, "mrr"));
  test::write_bytes(folder_ / "one.csv", "text\nthe cat mews today 1\n");
  const auto stream = predictor.stream({path("one.csv")});
  const auto answers = predictor.predict(stream->next(1));
  double squares = 0;
  const auto json = nlohmann::json::parse(answers[0][0].json);
  for (const double x : json["vector"]) squares += x * x;
  EXPECT_EQ(json["vector"].size(), 16u);
  EXPECT_NEAR(squares, 1, 1e-5);
}

/// Pairs of texts of two languages, and how much of them is the same: 2 for the beast, 1 for the time.
std::string scored_pairs(int count, uint64_t seed) {
  Random random(seed);
  std::string text = "text,pair,score\n";
  for (int i = 0; i < count; ++i) {
    const auto beast = random.below(4), time = random.below(3);
    const auto other_beast = random.below(4), other_time = random.below(3);
    const int score = 2 * (beast == other_beast) + (time == other_time);
    text += std::string("the ") + kBeasts[beast] + " " + kTimes[time] + ",the b" +
            std::to_string(other_beast) + " t" + std::to_string(other_time) + "," +
            std::to_string(score) + "\n";
  }
  return text;
}

TEST_F(Texts, CosinesRiseWithScores) {
  test::write_bytes(folder_ / "train.csv", scored_pairs(300, 1));
  test::write_bytes(folder_ / "test.csv", scored_pairs(60, 2));
  const std::vector<std::string> pairs{"input.pair=pair", "train.epochs=30"};
  const char* head = "{ kind = 'embedding', score = 'score' }";
  const auto result = run(recipe(head, pairs), "run");
  ASSERT_TRUE(result.test);
  test::expect_learned("spearman", metric(*result.test, "spearman"), 0.85);
  auto predictor = Predictor::load(folder_ / "run");
  const auto found = predictor.evaluate();
  EXPECT_DOUBLE_EQ(metric(found.metrics, "spearman"), metric(*result.test, "spearman"));
  ASSERT_EQ(found.outputs.size(), 60u);
  // A line a pair, in the order of the file: the cosine of the two texts' vectors.
  const auto vector_of = [&](const std::string& text) {
    test::write_bytes(folder_ / "one.csv", "text\n" + text + "\n");
    const auto answers = predictor.predict(predictor.stream({path("one.csv")})->next(1));
    return nlohmann::json::parse(answers[0][0].json)["vector"].get<std::vector<double>>();
  };
  std::istringstream rows(test::read_bytes(folder_ / "test.csv"));
  std::string row;
  std::getline(rows, row);
  for (size_t i = 0; i < 12; ++i) {
    std::getline(rows, row);
    const auto comma = row.find(','), end = row.rfind(',');
    const auto a = vector_of(row.substr(0, comma));
    const auto b = vector_of(row.substr(comma + 1, end - comma - 1));
    EXPECT_NEAR(std::stod(found.outputs[i]), std::inner_product(a.begin(), a.end(), b.begin(), 0.0),
                1e-4)
        << row;
  }

  EXPECT_THAT(error_of(recipe("{ kind = 'embedding', score = 'text' }", pairs)),
              HasSubstr("train.csv:2: the column 'text': expected a finite number, given 'the "));
  EXPECT_THAT(error_of(recipe("{ kind = 'embedding', score = 'scores' }", pairs)),
              HasSubstr("'score'"));
  EXPECT_THROW(recipe("{ kind = 'embedding', score = 'score', symmetric = true }"), Error);
  test::write_bytes(folder_ / "train.csv", "text,pair,score\na,b,1\nb,a,1\nc,d,1\nd,c,1\n");
  EXPECT_THAT(error_of(recipe(head, {"input.pair=pair"})),
              HasSubstr("the column 'score' of the training data is 1 in every record"));
}

TEST_F(Texts, SaysWhatDoesNotGo) {
  EXPECT_THAT(error_of(recipe("{ kind = 'embedding' }")), HasSubstr("input.pair"));
  EXPECT_THAT(error_of(recipe("{ kind = 'masked', mask = { probability = 0 } }")),
              HasSubstr("head.mask.probability"));
  EXPECT_THROW(recipe(kMasked, {"input.pair=pair", "input.second=pair"}), ModelError);
  EXPECT_THAT(error_of(recipe("{ kind = 'embedding' }", {"input.pair=pairs"})),
              HasSubstr("'pair'"));
}

}  // namespace
}  // namespace heed
