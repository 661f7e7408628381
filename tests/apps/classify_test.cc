// train, eval, predict and check as a user meets them, on data that is right and on data that is
// not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/small_set.h"
#include "apps/trained.h"
#include "data/samples.h"
#include "files.h"
#include "learning.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Classify : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = train_once("classify", write_small_set);
    recipe_ = trained_.recipe, train_ = trained_.file("train"), test_ = trained_.file("test");
    metrics_ = json::parse(trained_.out);
  }
  static std::string model() { return trained_.model; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// What heed says to a recipe that is changed by --set.
  static Result check(const std::vector<std::string>& set) {
    std::vector<std::string> words{"check", recipe_};
    for (const auto& assignment : set) words.insert(words.end(), {"--set", assignment});
    return run(words);
  }
  /// A copy of the model whose recipe has `from` replaced by `to`.
  std::string changed_model(const std::string& from, const std::string& to) const {
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

  static inline Trained trained_;
  static inline std::string recipe_, train_, test_;
  static inline json metrics_;
  TemporaryFolder folder_;
};

TEST_F(Classify, LearnsTheSmallSet) {
  const auto longer =
      run({"train", recipe_, "--set", "train.epochs=15", "--out", path("longer"), "--json"});
  ASSERT_EQ(longer.code, 0) << longer.err;
  expect_learned("accuracy", json::parse(longer.out)["test_accuracy"], 0.9);
}

TEST_F(Classify, TrainSaysWhatItWrites) {
  EXPECT_EQ(metrics_["steps"], 42);
  EXPECT_GT(metrics_["peak_memory_mib"], 0);
  const auto metrics = json::parse(read_bytes(model() + "/best/metrics.json"));
  EXPECT_EQ(metrics["test"]["accuracy"], metrics_["test_accuracy"]);
  EXPECT_EQ(metrics["valid"]["accuracy"], metrics_["valid_accuracy"]);
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
  EXPECT_EQ(values["examples"], 60);
  EXPECT_EQ(values["accuracy"], metrics_["test_accuracy"]);
  ASSERT_EQ(values["classes"].size(), 4u);
  EXPECT_EQ(values["classes"][2]["records"], 15);
  const auto text = run({"eval", model(), "--data", train_});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("examples\t150\n"));
  EXPECT_THAT(run({"eval", path("nothing")}).err, HasSubstr("nothing"));
}

TEST_F(Classify, PredictAnswersEveryInputInOrder) {
  const auto result = run({"predict", model(), test_, train_});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 210u);
  EXPECT_THAT(lines[0],
              testing::MatchesRegex(".*test-images-idx3-ubyte#0\t[0-3]\t[01]\\.[0-9]{4}"));
  EXPECT_THAT(lines[209], HasSubstr("train-images-idx3-ubyte#149\t"));
  int right = 0;
  for (int i = 0; i < 60; ++i)
    right += lines[i].find("\t" + std::to_string(i % 4) + "\t") != std::string::npos;
  EXPECT_DOUBLE_EQ(right / 60.0, metrics_["test_accuracy"].get<double>());
}

TEST_F(Classify, PredictReadsNamesFromStandardInput) {
  const auto result = run({"predict", model(), "-", "--json", "--top", "2"},
                          {.input = test_ + "\n" + test_ + "-images-idx3-ubyte\n"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 120u);
  const auto first = json::parse(lines[0]);
  EXPECT_EQ(first["class"], first["top"][0]["class"]);
  EXPECT_EQ(first["top"].size(), 2u);
  EXPECT_GE(first["top"][0]["probability"], first["top"][1]["probability"]);
  EXPECT_EQ(lines[60], lines[0]) << "the same image, however it is named";
  EXPECT_EQ(run({"predict", model()}, {.input = ""}).out, "");
}

TEST_F(Classify, PredictTakesWhatMapTakes) {
  const auto all = lines_of(run({"predict", model(), test_}).out);
  const auto one = run({"predict", model(), test_ + ":3", test_ + ":0"});
  ASSERT_EQ(one.code, 0) << one.err;
  const auto lines = lines_of(one.out);
  ASSERT_EQ(lines.size(), 2u);
  const auto answer = [](const std::string& line) { return line.substr(line.find('\t')); };
  EXPECT_EQ(lines[0], test_ + ":3" + answer(all[3]));
  EXPECT_EQ(lines[1], test_ + ":0" + answer(all[0]));
  const auto named = run({"predict", model(), "-"}, {.input = test_ + ":3\n"});
  EXPECT_EQ(lines_of(named.out)[0], lines[0]);
  const auto beyond = run({"predict", model(), test_ + ":100000"});
  EXPECT_EQ(beyond.code, 2);
  EXPECT_THAT(beyond.err, HasSubstr("expected 0..59"));
  // A photo of another size, in colour, from a pipe.
  const auto photo = plain_png({3, 30, 17}, 200);
  write_bytes(path("photo.png"), std::string(photo.begin(), photo.end()));
  const auto seen = run({"predict", model(), path("photo.png")});
  ASSERT_EQ(seen.code, 0) << seen.err;
  const auto piped =
      run({"predict", model(), "/dev/stdin"}, {.input = std::string(photo.begin(), photo.end())});
  EXPECT_EQ(answer(piped.out), answer(seen.out)) << piped.err;
  EXPECT_EQ(run({"map", model(), path("photo.png"), "--json"}).code, 0);
}

TEST_F(Classify, PredictNamesABadInputAfterTheGoodOnes) {
  write_bytes(path("no-image.png"), "not an image");
  for (const auto& [bad, code] : std::vector<std::pair<std::string, int>>{
           {path("no-image.png"), 3}, {path("absent.png"), 5}, {folder_.path().string(), 3}}) {
    const auto result = run({"predict", model(), test_, bad, test_});
    EXPECT_EQ(result.code, code) << bad;
    EXPECT_EQ(run({"map", model(), bad}).code, code) << bad;
    EXPECT_THAT(result.err, HasSubstr(bad));
    EXPECT_EQ(lines_of(result.out).size(), 60u) << "whole lines of what stands before it";
    EXPECT_EQ(result.out.back(), '\n');
  }
}

TEST_F(Classify, CheckReadsEverything) {
  const auto result = check({});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("150 images of 1 x 12 x 12"));
  EXPECT_THAT(result.out, HasSubstr("nothing is wrong"));
  const auto values = json::parse(run({"check", recipe_, "--json"}).out);
  EXPECT_EQ(values["data"]["test"]["records"], 60);
}

TEST_F(Classify, CheckNamesEveryProblemOfARecipe) {
  const auto result = check({"train.epochs=0", "encoder.pacth=4", "train.optimizer.kind=adamv"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err,
              HasSubstr("train.epochs: expected a whole number from 1 to 1000000000, given 0"));
  EXPECT_THAT(result.err, HasSubstr("unknown key 'pacth', did you mean 'patch'?"));
  EXPECT_THAT(result.err, HasSubstr("unknown 'adamv', did you mean 'adamw'?"));
}

TEST_F(Classify, CheckSeesARecipeThatDoesNotFitItsData) {
  for (const auto& [set, word] : std::vector<std::pair<std::string, std::string>>{
           {"encoder.patch=5", "patch"},
           {"encoder.attention.num_heads=3", "heads"},
           {"input.shape=[1,28,28]", "shape"},
           {"input.augment.shift=99", "shift"},
           {"data.valid=x", "holdout"},
           {"input.normalize={mean=[0.5,0.5],std=[1,1]}", "normalize.mean"}}) {
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
  auto short_file = read_bytes(train_ + "-images-idx3-ubyte");
  short_file.resize(short_file.size() - 10);
  write_bytes(path("short-images-idx3-ubyte"), short_file);
  fs::copy(train_ + "-labels-idx1-ubyte", path("short-labels-idx1-ubyte"));
  for (const char* verb : {"check", "train"}) {
    result =
        run({verb, recipe_, "--set", "data.train=" + path("short"), "--set", "out=" + path("x")});
    EXPECT_EQ(result.code, 3) << verb;
    EXPECT_THAT(result.out + result.err, HasSubstr("short-images-idx3-ubyte"));
    EXPECT_FALSE(fs::exists(path("x"))) << "nothing is written before the data is read";
  }
  result = check({"input.classes=[\"a\",\"b\",\"c\"]"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out + result.err, HasSubstr("label"));
  for (const char* verb : {"check", "train"}) {
    const auto absent = "data.train=" + path("nowhere");
    EXPECT_EQ(run({verb, recipe_, "--set", absent, "--set", "out=" + path("x")}).code, 5) << verb;
  }
}

/// Writes one image a class into `folder`/CLASS/.
void write_images(const fs::path& folder, const std::string& name, const std::string& image) {
  for (const char* label : {"a", "b"}) {
    fs::create_directories(folder / label);
    write_bytes(folder / label / name, image);
  }
}

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

TEST_F(Classify, FoldersOfImagesAreTrainedOnAndPredicted) {
  const fs::path folder = path("images");
  const auto png = text_of(plain_png({1, 12, 12}, 200));
  const auto jpg =
      text_of(jpeg({.height = 12, .width = 12, .components = 1, .rows = Bytes(144, 9)}));
  for (const char* name : {"1.png", "2.png", "3.png"}) write_images(folder, name, png);
  write_images(folder, "4.jpg", jpg);
  const auto trained =
      run({"train", recipe_, "--out", path("of-images"), "--set", "data.train=" + folder.string(),
           "--set", "data.test=" + folder.string(), "--set", "train.epochs=1", "--set",
           "data.holdout=0.25", "--set", "train.schedule.warmup=0"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto result = run({"predict", path("of-images"), (folder / "a" / "1.png").string(),
                           (folder / "b" / "4.jpg").string()});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::MatchesRegex(".*a/1.png\t[ab]\t[01]\\.[0-9]{4}"));
  EXPECT_THAT(lines[1], testing::MatchesRegex(".*b/4.jpg\t[ab]\t[01]\\.[0-9]{4}"));
}

TEST_F(Classify, ImagesOfMixedSizesAreNamed) {
  const fs::path folder = path("mixed");
  write_images(folder, "1.png", text_of(plain_png({1, 12, 12}, 200)));
  write_images(folder, "2.png", text_of(plain_png({1, 12, 16}, 200)));
  for (const char* verb : {"check", "train"}) {
    const auto result =
        run({verb, recipe_, "--set", "data.train=" + folder.string(), "--set", "out=" + path("x")});
    EXPECT_EQ(result.code, 3) << verb;
    EXPECT_THAT(result.out + result.err, HasSubstr("2.png"));
    EXPECT_THAT(result.out + result.err, HasSubstr("input.size"));
    EXPECT_FALSE(fs::exists(path("x")));
  }
}

/// A copy of the model whose tensors' header was changed, as a foreign program might write it.
template <class Change>
std::string model_with_header(const std::string& model, const std::string& copy, Change change) {
  fs::remove_all(copy);
  fs::copy(model + "/best", copy, fs::copy_options::recursive);
  const auto bytes = read_bytes(copy + "/model.safetensors");
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  auto header = json::parse(bytes.substr(8, length));
  auto metadata = json::object();  // without the checksums of tensors
  for (const auto& [key, value] : header["__metadata__"].items())
    if (!key.starts_with("xxh3_128")) metadata[key] = value;
  header["__metadata__"] = metadata;
  change(header);
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  write_bytes(copy + "/model.safetensors", std::string(reinterpret_cast<const char*>(&size), 8) +
                                               text + bytes.substr(8 + length));
  return copy;
}

TEST_F(Classify, TensorsThatDoNotFitAreNamed) {
  const std::string name = "head.linear.weight";
  const auto missing = model_with_header(model(), path("missing"), [&](json& header) {
    header["head.wait"] = header[name];
    header.erase(name);
  });
  const auto retyped = model_with_header(model(), path("retyped"),
                                         [&](json& header) { header[name]["dtype"] = "I32"; });
  const auto lying = model_with_header(model(), path("lying"),
                                       [&](json& header) { header[name]["shape"][0] = 1000000; });
  for (const auto& [folder, said] : std::vector<std::pair<std::string, std::string>>{
           {missing, "missing"}, {retyped, "Int"}, {lying, "1000000"}}) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"eval", folder}, {"predict", folder, test_}, {"map", folder, test_ + ":0"}}) {
      const auto result = run(words);
      EXPECT_EQ(result.code, 4) << folder << result.err;
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr("model.safetensors"));
      EXPECT_THAT(result.err, HasSubstr(name));
      EXPECT_THAT(result.err, HasSubstr(said));
    }
  }
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
           {"kind = \"class\"", "kind = \"text\""},
           {"[encoder]", "[decoder]"}}) {
    const auto folder = changed_model(from, to);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"eval", folder}, {"predict", folder, test_}}) {
      const auto result = run(words);
      EXPECT_EQ(result.code, 4) << to << ": " << result.err;
      EXPECT_EQ(result.out, "");
      EXPECT_THAT(result.err, HasSubstr(folder)) << to;
    }
  }
}

TEST_F(Classify, LossThatIsNotFiniteStopsAndNamesTheBatch) {
  const auto result = run({"train", recipe_, "--set", "train.optimizer.lr=1e30", "--set",
                           "train.clip_grad_norm=0", "--out", path("diverged")});
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
