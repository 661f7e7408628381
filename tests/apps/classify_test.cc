// train, eval, predict and check as a user meets them, on data that is right and on data that is
// not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/run.h"
#include "apps/small_set.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class Classify : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    recipe_ = write_small_set(folder_->path());
    const auto result = run({"train", recipe_, "--out", model(), "--json"});
    ASSERT_EQ(result.code, 0) << result.err;
    trained_ = json::parse(result.out);
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }
  static std::string model() { return path("model"); }

  /// What heed says to a recipe that is changed by --set.
  static Result check(const std::vector<std::string>& set) {
    std::vector<std::string> words{"check", recipe_};
    for (const auto& assignment : set) words.insert(words.end(), {"--set", assignment});
    return run(words);
  }
  /// A copy of the model whose recipe has `from` replaced by `to`.
  static std::string changed_model(const std::string& from, const std::string& to) {
    const std::string copy = path("changed");
    fs::remove_all(copy);
    fs::copy(model() + "/best", copy, fs::copy_options::recursive);
    auto recipe = read_bytes(copy + "/recipe.toml");
    const size_t at = recipe.find(from);
    EXPECT_NE(at, std::string::npos) << from << " is not in\n" << recipe;
    if (at != std::string::npos) recipe.replace(at, from.size(), to);
    write_bytes(copy + "/recipe.toml", recipe);
    return copy;
  }

  static TemporaryFolder* folder_;
  static std::string recipe_;
  static json trained_;
};
TemporaryFolder* Classify::folder_ = nullptr;
std::string Classify::recipe_;
json Classify::trained_;

TEST_F(Classify, LearnsTheSmallSet) {
  EXPECT_EQ(trained_["steps"], 42);
  EXPECT_GT(trained_["test_accuracy"], 0.9);
  EXPECT_GT(trained_["peak_memory_mib"], 0);
  const auto metrics = json::parse(read_bytes(model() + "/best/metrics.json"));
  EXPECT_EQ(metrics["test"]["accuracy"], trained_["test_accuracy"]);
  EXPECT_EQ(metrics["valid"]["accuracy"], trained_["valid_accuracy"]);
}

TEST_F(Classify, SavedRecipeIsCompleteAndTrainsTheSameModel) {
  const auto result =
      run({"train", model() + "/best/recipe.toml", "--out", path("again"), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(read_bytes(path("again") + "/best/model.safetensors"),
            read_bytes(model() + "/best/model.safetensors"));
}

TEST_F(Classify, EvalFindsTheTestAccuracyAgain) {
  const auto result = run({"eval", model(), "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto values = json::parse(result.out);
  EXPECT_EQ(values["records"], 60);
  EXPECT_EQ(values["accuracy"], trained_["test_accuracy"]);
  ASSERT_EQ(values["classes"].size(), 4u);
  EXPECT_EQ(values["classes"][2]["records"], 15);
  const auto text = run({"eval", model(), "--data", path("train")});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("records   150\n"));
  EXPECT_THAT(run({"eval", path("nothing")}).err, HasSubstr("nothing"));
}

TEST_F(Classify, PredictAnswersEveryInputInOrder) {
  const auto result = run({"predict", model(), path("test"), path("train")});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 210u);
  EXPECT_THAT(lines[0],
              testing::MatchesRegex(".*test-images-idx3-ubyte#0\t[0-3]\t[01]\\.[0-9]{4}"));
  EXPECT_THAT(lines[209], HasSubstr("train-images-idx3-ubyte#149\t"));
  int right = 0;
  for (int i = 0; i < 60; ++i)
    right += lines[i].find("\t" + std::to_string(i % 4) + "\t") != std::string::npos;
  EXPECT_DOUBLE_EQ(right / 60.0, trained_["test_accuracy"].get<double>());
}

TEST_F(Classify, PredictReadsNamesFromStandardInput) {
  const auto result = run({"predict", model(), "-", "--json", "--top", "2"},
                          {.input = path("test") + "\n" + path("test") + "-images-idx3-ubyte\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 120u);
  const auto first = json::parse(lines[0]);
  EXPECT_EQ(first["class"], first["top"][0]["class"]);
  EXPECT_EQ(first["top"].size(), 2u);
  EXPECT_GE(first["top"][0]["probability"], first["top"][1]["probability"]);
  EXPECT_EQ(lines[60], lines[0]) << "the same picture, however it is named";
  EXPECT_EQ(run({"predict", model()}, {.input = ""}).out, "");
}

TEST_F(Classify, PredictNamesABadInputAfterTheGoodOnes) {
  write_bytes(path("no-picture.png"), "not a picture");
  for (const auto& bad : {path("no-picture.png"), path("absent.png"), folder_->path().string()}) {
    const auto result = run({"predict", model(), path("test"), bad, path("test")});
    EXPECT_EQ(result.code, 3) << bad;
    EXPECT_THAT(result.err, HasSubstr(bad));
    EXPECT_EQ(lines_of(result.out).size(), 60u) << "whole lines of what stands before it";
    EXPECT_EQ(result.out.back(), '\n');
  }
}

TEST_F(Classify, CheckReadsEverything) {
  const auto result = check({});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("150 records of 1 x 12 x 12"));
  EXPECT_THAT(result.out, HasSubstr("nothing is wrong"));
  const auto values = json::parse(run({"check", recipe_, "--json"}).out);
  EXPECT_EQ(values["data"]["test"]["records"], 60);
}

TEST_F(Classify, CheckNamesEveryProblemOfARecipe) {
  const auto result =
      check({"train.epochs=0", "model.encoder.pacth=4", "train.optimizer.kind=adamv"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("train.epochs: expected a whole number at least 1, given 0"));
  EXPECT_THAT(result.err, HasSubstr("unknown key 'pacth', did you mean 'patch'?"));
  EXPECT_THAT(result.err, HasSubstr("unknown 'adamv', did you mean 'adamw'?"));
}

TEST_F(Classify, CheckSeesARecipeThatDoesNotFitItsData) {
  for (const auto& [set, word] : std::vector<std::pair<std::string, std::string>>{
           {"model.encoder.patch=5", "patch"},
           {"model.attention.heads=3", "heads"},
           {"data.shape=[1,28,28]", "shape"},
           {"data.augment.shift=99", "shift"},
           {"data.valid=x", "holdout"},
           {"data.normalize={mean=[0.5,0.5],deviation=[1,1]}", "normalize.mean"}}) {
    const auto result = check({set});
    EXPECT_TRUE(result.code == 3 || result.code == 4) << set << " " << result.code;
    EXPECT_THAT(result.err, HasSubstr(word)) << set;
  }
}

TEST_F(Classify, DataThatIsWrongIsNamed) {
  fs::create_directories(path("empty"));
  auto result = check({"data.train=" + path("empty")});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out + result.err, HasSubstr("empty"));
  auto short_file = read_bytes(path("train") + "-images-idx3-ubyte");
  short_file.resize(short_file.size() - 10);
  write_bytes(path("short-images-idx3-ubyte"), short_file);
  fs::copy(path("train") + "-labels-idx1-ubyte", path("short-labels-idx1-ubyte"));
  for (const char* verb : {"check", "train"}) {
    result =
        run({verb, recipe_, "--set", "data.train=" + path("short"), "--set", "out=" + path("x")});
    EXPECT_EQ(result.code, 3) << verb;
    EXPECT_THAT(result.out + result.err, HasSubstr("short-images-idx3-ubyte"));
    EXPECT_FALSE(fs::exists(path("x"))) << "nothing is written before the data is read";
  }
  result = check({"data.classes=[\"a\",\"b\",\"c\"]"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out + result.err, HasSubstr("label"));
  EXPECT_EQ(check({"data.train=" + path("nowhere")}).code, 3);
}

TEST_F(Classify, RecipeThatDoesNotFitItsTensorsIsRefused) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"width = 16", "width = 32"},
           {"layers = 2", "layers = 3"},
           {"layers = 2", "layers = 1"},
           {"shape = [1, 12, 12]", "shape = [3, 12, 12]"},
           {"width = 16", "width = 17"},
           {"width = 16", "width = -1"},
           {"epochs = ", "epochs == "},
           {"task = \"classify\"", "task = \"translate\""},
           {"[model.encoder]", "[model.decoder]"}}) {
    const auto folder = changed_model(from, to);
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"eval", folder}, {"predict", folder, path("test")}}) {
      const auto result = run(words);
      EXPECT_EQ(result.code, 4) << to << ": " << result.err;
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr(folder)) << to;
    }
  }
}

TEST_F(Classify, LossThatIsNotFiniteStopsAndNamesTheBatch) {
  const auto result = run({"train", recipe_, "--set", "train.optimizer.lr=1e30", "--set",
                           "train.clip=0", "--out", path("diverged")});
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_THAT(result.err, HasSubstr("epoch 1, step "));
  EXPECT_EQ(result.out, "");
}

TEST_F(Classify, SetIsCheckedAsARecipeIs) {
  EXPECT_EQ(run({"train", recipe_, "--set", "train.epochs"}).code, 2);
  EXPECT_EQ(run({"train", recipe_, "--set", "epochs=3"}).code, 4);
  EXPECT_EQ(run({"train", path("absent.toml")}).code, 5);
  EXPECT_EQ(run({"train"}).code, 2);
}

}  // namespace
}  // namespace heed::test
