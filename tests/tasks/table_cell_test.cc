// Tables that the tests make, to a class, a number and labels; with a text beside them, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "files.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"
#include "learning.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A height, a colour, a word, and what depends on them: number = height + 1 for "more", else - 1;
/// class by height and colour; tags "tall" and "red". Some heights are missing, and then mean 0.
std::string table(int count, uint64_t seed) {
  Random random(seed);
  std::string text = "height,colour,word,number,side,tags\n";
  for (int i = 0; i < count; ++i) {
    const double height = std::round(40 * random.uniform() - 20) / 10;
    const bool red = random.below(2) == 1, more = random.below(2) == 1;
    const bool missing = random.below(10) == 0;
    const double used = missing ? 0 : height;
    const bool left = (red ? used : -used) > 0.2;
    text += (missing ? "" : std::to_string(height)) + (red ? ",red," : ",blue,") +
            (more ? "more," : "less,") + std::to_string(used + (more ? 1 : -1)) +
            (left ? ",left," : ",right,") + "\"";
    text += used > 0 ? (red ? "tall, red" : "tall") : (red ? "red" : "");
    text += "\"\n";
  }
  return text;
}

class TableCell : public testing::Test {
 protected:
  TableCell() {
    write("train.csv", table(400, 1));
    write("test.csv", table(200, 2));
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  Recipe recipe(const std::vector<std::string>& more) const {
    return from(R"(
input = { kind = 'table', ignore = ['word', 'number', 'side', 'tags'] }
encoder = { kind = 'table', width = 16, layers = 1, dropout = 0.0, attention = { num_heads = 2 } }
)",
                more);
  }
  Recipe joined(const std::vector<std::string>& more = {}) const {
    return from(R"(
head = { kind = 'number', column = 'number', pool = { kind = 'attention' } }
[[input]]
name = 'word'
kind = 'text'
column = 'word'
tokenizer = { kind = 'words' }
[[input]]
name = 'row'
kind = 'table'
numbers = ['height']
[encoder]
width = 16
layers = 1
dropout = 0.0
attention = { num_heads = 2 }
[encoder.inputs.word]
width = 8
layers = 1
attention = { num_heads = 2 }
[encoder.inputs.row]
width = 16
layers = 0
attention = { num_heads = 2 }
)",
                more);
  }
  Recipe from(const std::string& text, const std::vector<std::string>& more) const {
    auto file = RecipeFile::parse(
        "seed = " + std::to_string(test::learning_seed(1)) + "\ndata.train = '" +
            path("train.csv") + "'\ndata.test = '" + path("test.csv") + "'\n" + text +
            "[train]\nepochs = 30\nbatch = 32\noptimizer = { kind = 'adamw', lr = 5e-3 }\n" +
            "schedule = { kind = 'cosine', warmup = 10 }\n",
        "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  Predictor trained(Recipe recipe) const {
    const auto options = recipe.train;
    train(*make_task(std::move(recipe)), {.options = options, .folder = folder_ / "run"});
    return Predictor::load(folder_ / "run");
  }

  double metric(const Evaluation& found, const std::string& name) const {
    for (const auto& [known, value] : found.metrics)
      if (known == name) return value;
    ADD_FAILURE() << "no metric " << name;
    return NAN;
  }
  /// What predict says of the test file, a line each.
  std::vector<std::string> predictions(Predictor& predictor) const {
    std::vector<std::string> lines;
    const auto stream = predictor.stream({path("test.csv")});
    while (const auto some = stream->next(64))
      for (const auto& answer : predictor.predict(some)) lines.push_back(answer.front().text);
    return lines;
  }
  std::string refused(const std::vector<std::string>& more) const {
    try {
      make_task(recipe(more));
    } catch (const Error& error) {
      return std::to_string(error.exit_code()) + " " + error.what();
    }
    return "";
  }

  test::TemporaryFolder folder_;
};

const std::vector<std::string> kSide{"head={ kind = 'class', column = 'side', metric = 'auc' }"};

/// Numbers of other batches, which are equal but for the last bits.
void expect_near(const std::vector<std::string>& answers, const std::vector<std::string>& outputs) {
  ASSERT_EQ(answers.size(), outputs.size());
  for (size_t i = 0; i < answers.size(); ++i)
    EXPECT_NEAR(std::stod(answers[i]), std::stod(outputs[i]), 1e-4);
}

TEST_F(TableCell, LearnsAClass) {
  auto predictor = trained(recipe(kSide));
  const auto found = predictor.evaluate();
  test::expect_learned("side of a table, AUC", metric(found, "auc"), 0.97);
  EXPECT_LT(metric(found, "baseline_accuracy"), 0.7);
  const auto lines = predictions(predictor);
  ASSERT_EQ(lines.size(), found.outputs.size());
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_THAT(lines[i], testing::StartsWith(found.outputs[i] + "\t")) << i;
  ASSERT_EQ(found.plots.size(), 3u) << "confusion, precision beside recall, calibration";
  const auto seen = predictor.explain(predictor.find(path("test.csv") + ":3"));
  ASSERT_EQ(seen.shown.tokens.size(), 3u);
  EXPECT_TRUE(seen.shown.tokens[0].special);
  EXPECT_THAT(seen.shown.tokens[1].text, testing::StartsWith("height="));
  EXPECT_THAT(seen.shown.tokens[2].text, testing::StartsWith("colour="));
}

TEST_F(TableCell, LearnsANumber) {
  auto predictor =
      trained(recipe({"head={ kind = 'number', column = 'number' }",
                      "input.ignore=[ 'number', 'side', 'tags' ]", "input.scale='quantile'"}));
  const auto found = predictor.evaluate();
  test::expect_learned("number of a table, R2", metric(found, "r2"), 0.95);
  EXPECT_GT(metric(found, "baseline_mse"), 1.5);
  EXPECT_GT(metric(found, "spearman"), 0.95);
  expect_near(predictions(predictor), found.outputs);
}

TEST_F(TableCell, LearnsSeveralLabels) {
  auto predictor = trained(recipe({"head={ kind = 'labels', column = 'tags' }"}));
  const auto found = predictor.evaluate();
  test::expect_learned("labels of a table, micro F1", metric(found, "micro_f1"), 0.95);
  EXPECT_LT(metric(found, "baseline_micro_f1"), 0.8);
  EXPECT_EQ(predictions(predictor), found.outputs);
}

TEST_F(TableCell, LabelsThatTrainingLackedAreMissedOrRefused) {
  write("new.csv",
        "height,colour,word,number,side,tags\n2,red,more,1,left,\"tall, red\"\n"
        "2,blue,more,1,left,\"tall, new\"\n-2,red,more,1,left,\"red, new, other\"\n"
        "-2,blue,more,1,left,\n");
  const std::string head = "head={ kind = 'labels', column = 'tags'";
  auto predictor = trained(recipe({head + ", unseen = 'wrong' }"}));
  const auto found = predictor.evaluate({path("new.csv")});
  ASSERT_THAT(found.outputs, ElementsAre("red,tall", "tall", "red", ""));
  // 4 labels predicted and right, 7 expected: f1_score(average="micro") of scikit-learn.
  EXPECT_DOUBLE_EQ(metric(found, "micro_f1"), 8.0 / 11);
  EXPECT_DOUBLE_EQ(metric(found, "macro_f1"), 1) << "of those that training knows";
  EXPECT_DOUBLE_EQ(metric(found, "subset_accuracy"), 0.5);
  EXPECT_EQ(metric(found, "unseen"), 3);
  EXPECT_THAT(refused({head + " }", "data.valid=" + path("new.csv")}),
              testing::AllOf(HasSubstr("3 "), HasSubstr("new.csv:3"), HasSubstr("'new'"),
                             HasSubstr("nor are 2 more"), HasSubstr("head.unseen")));
}

TEST_F(TableCell, JoinsATextAndATable) {
  auto predictor = trained(joined());
  const auto found = predictor.evaluate();
  test::expect_learned("number of a word and a table, R2", metric(found, "r2"), 0.95);
  expect_near(predictions(predictor), found.outputs);
  const auto seen = predictor.explain(predictor.find(path("test.csv") + ":2"));
  std::vector<std::string> tokens;
  for (const auto& token : seen.shown.tokens) tokens.push_back(token.text.substr(0, 4));
  EXPECT_THAT(tokens, ElementsAre("word", "word", "word", "row:", "row:"));
  const auto& last = seen.maps.back();
  EXPECT_EQ(last.keys(), 5) << last.name();
  EXPECT_THROW(predictor.find("a line"), UsageError) << "a line cannot stand for both inputs";
}

TEST_F(TableCell, EveryFoldIsTestedOnce) {
  for (int fold = 0; fold < 3; ++fold) {
    const auto task = make_task(
        recipe({kSide[0], "data.test=[]", "data.folds=3", "data.fold=" + std::to_string(fold)}));
    const auto stats = task->dataset_stats();
    EXPECT_EQ(stats[0].second, fold == 0 ? 266 : 267);
    for (const auto& [name, value] : stats)
      if (name == "test examples") {
        EXPECT_EQ(value, fold == 0 ? 134 : 133);
      }
  }
  EXPECT_THROW(recipe({kSide[0], "data.folds=3"}), ModelError) << "test data is given, too";
  EXPECT_THROW(recipe({kSide[0], "data.test=[]", "data.folds=3", "data.fold=3"}), ModelError);
}

TEST_F(TableCell, UnknownCategoriesAreCounted) {
  const std::string known = "1,red,left\n", unknown = "1,green,left\n", missing = "1,,left\n";
  const std::string head = "height,colour,side\n";
  write("test.csv", head + known + unknown + missing + unknown + unknown);
  const auto refusal = refused({kSide[0]});
  EXPECT_THAT(refusal, HasSubstr("3 data.test: 3 of 4 cells of categories are unknown to the model "
                                 "(75 %), the first in "));
  EXPECT_THAT(refusal, HasSubstr("test.csv:3, more than data.max_unknown = 0.5"));
  auto predictor = trained(recipe({kSide[0], "data.max_unknown=1", "train.epochs=1"}));
  const auto found = predictor.evaluate();
  EXPECT_THAT(found.note, HasSubstr("3 of 4 cells of categories"));
  EXPECT_THAT(found.details, HasSubstr(R"("cells_of_categories":4,"unknown_categories":3)"));
  write("test.csv", head + known + unknown);
  EXPECT_EQ(refused({kSide[0]}), "");
}

TEST_F(TableCell, AConstantNumberHasNoScale) {
  write(
      "train.csv",
      "height,colour,word,number,side,tags\n3,red,a,1,left,\n,blue,a,1,left,\n3,blue,a,1,right,\n");
  EXPECT_THAT(
      refused({kSide[0]}),
      testing::AllOf(HasSubstr("3 "), HasSubstr("'height' of the training data is 3 in every"),
                     HasSubstr("input.scale = \"none\"")));
  EXPECT_EQ(refused({kSide[0], "input.scale=none", "train.epochs=1"}), "");
}

TEST_F(TableCell, NumbersAreScaledAsTrainingSays) {
  write("train.csv", "x,c,y\n1,a,0\n2,b,1\n,b,0\n6,,1\n");
  write("test.csv", "x,c,y\n3,b,0\n,z,1\n100,,0\n");
  const auto batch = [&](const std::string& scale) {
    auto recipe = this->recipe({"input={ kind = 'table', scale = '" + scale + "' }",
                                "head={ kind = 'class', column = 'y' }"});
    auto& input = *recipe.inputs.front().get();
    const auto open = [&](const std::string& role) {
      const auto file = path(role + ".csv");
      return input.open({role, {file}, data::open_records({file}), {"y"}});
    };
    input.learn(*open("train"), 0);
    return open("test")->batch({0, 1, 2}, {});
  };
  const auto standard = batch("standard");
  const auto& x = standard.at("numbers");
  const double deviation = std::sqrt(14.0 / 3);  // of 1, 2, 6, whose mean is 3
  EXPECT_NEAR(x[0][0].item<double>(), 0, 1e-6);
  EXPECT_TRUE(std::isnan(x[1][0].item<double>()));
  EXPECT_NEAR(x[2][0].item<double>(), 97 / deviation, 1e-4);
  EXPECT_TRUE(standard.at("categories").equal(torch::tensor({{2}, {0}, {-1}})));
  const auto quantile = batch("quantile").at("numbers");
  // 3 lies a quarter of the way from 2 (share 1/2) to 6 (1): 0.625, whose normal is 0.31864.
  EXPECT_NEAR(quantile[0][0].item<double>(), 0.318639, 1e-5);
  EXPECT_TRUE(std::isnan(quantile[1][0].item<double>()));
  EXPECT_NEAR(quantile[2][0].item<double>(), 0.967422, 1e-5) << "5/6 is as far out as 3 go";
}

TEST_F(TableCell, BadInputIsNamed) {
  EXPECT_THAT(refused({kSide[0], "input.ignore=[]", "input.numbers=[ 'heigth' ]"}),
              testing::AllOf(HasSubstr("3 "), HasSubstr("heigth"), HasSubstr("height")));
  EXPECT_THAT(refused({kSide[0], "input.ignore=[]", "input.numbers=[ 'side' ]"}),
              HasSubstr("a head answers"));
  EXPECT_THAT(refused({kSide[0], "input.numbers=[ 'word' ]"}),
              testing::AllOf(HasSubstr("train.csv:2"), HasSubstr("'word'"), HasSubstr("finite")));
  EXPECT_THAT(refused({"head={ kind = 'number', column = 'tags' }"}),
              testing::AllOf(HasSubstr("3 "), HasSubstr("train.csv:"), HasSubstr("'tags'")));
  write("test.csv", "height,colour,tags\n1,red,tal\n");
  EXPECT_THAT(refused({"head={ kind = 'labels', column = 'tags' }"}),
              testing::AllOf(HasSubstr("test.csv:2"), HasSubstr("'tal'"), HasSubstr("'tall'")));
  write("test.csv", "height,colour,side\nnan,red,left\n");
  auto predictor = trained(recipe({kSide[0], "data.test=[]", "train.epochs=1"}));
  EXPECT_THROW(predictor.evaluate({path("test.csv")}), DataError);
}

}  // namespace
}  // namespace heed
