// Images to classes as a library user meets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <torch/torch.h>
#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// A folder of three classes with a colour image of noise each, 15 x 20 pixels.
class ImageCell : public testing::Test {
 protected:
  ImageCell() {
    torch::manual_seed(7);
    for (const char* name : {"cat", "dog", "bird"}) {
      for (const char* file : {"/a.png", "/b.png"}) {
        const auto values = torch::randint(256, {15 * 20 * 3}, at::kByte);
        const auto* first = values.data_ptr<uint8_t>();
        folder_.write(std::string(name) + file,
                      test::png({15, 20, 2, 8, test::Bytes(first, first + values.numel())}));
      }
    }
  }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("data.train = '" + folder_.path().string() + "'\n" + R"(
input = { kind = 'image', size = [8, 12], channels = 1 }
encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }
head = { kind = 'class' }
train = { epochs = 1, batch = 4 }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  test::TempFolder folder_;
};

TEST_F(ImageCell, ReadsAFileAsTrainingDoes) {
  // Grey and 8 x 12 pixels: which comes first changes pixels.
  auto wanted = recipe();
  const auto options = wanted.train;
  const test::TempFolder runs;
  train(*make_task(std::move(wanted)), {.options = options, .folder = runs.path() / "run"});
  auto predictor = Predictor::load(runs.path() / "run");
  auto saved = Recipe::read(RecipeFile::read(runs.path() / "run/best/recipe.toml"));
  const auto split = saved.inputs.front()->open({"test", {folder_.path().string()}, {}});
  ASSERT_EQ(split->size(), 6);
  const auto all = split->batch({0, 1, 2, 3, 4, 5}, {}).at("image");
  for (int64_t i = 0; i < 6; ++i) {
    const auto file = folder_.path() / split->value(i, "label") / (i % 2 ? "b.png" : "a.png");
    const auto one = predictor.stream({file.string()})->next(1)->batch({0}, {}).at("image");
    EXPECT_TRUE(one[0].equal(all[i])) << file;
  }
}

TEST_F(ImageCell, NormalisesWhatItReadsAndGivesProbabilities) {
  auto wanted = recipe({"input.normalize={ mean = [0.5], std = [0.25] }"});
  const auto options = wanted.train;
  const test::TempFolder runs;
  train(*make_task(std::move(wanted)), {.options = options, .folder = runs.path() / "run"});
  auto predictor = Predictor::load(runs.path() / "run");
  runs.write("white.png", test::png({8, 12, 0, 8, test::Bytes(8 * 12, 255)}));
  const auto white = predictor.stream({(runs.path() / "white.png").string()})->next(1);
  const auto image = white->batch({0}, {}).at("image");
  EXPECT_TRUE(at::allclose(image, at::full({1, 1, 8, 12}, (1 - 0.5) / 0.25)));
  const auto answer = nlohmann::json::parse(predictor.predict(white)[0][0].json);
  double sum = 0;
  for (const auto& each : answer["top"]) sum += each["probability"].get<double>();
  EXPECT_EQ(answer["top"].size(), 3u);
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST_F(ImageCell, WorkersChangeNothing) {
  const auto losses = [&](const std::string& workers) {
    const auto task = make_task(recipe(
        {"input.augment={ flip = true, shift = 2 }", "train.batch=1", "input.workers=" + workers}));
    task->model().eval();
    std::vector<double> all;
    for (int i = 0; i < 13; ++i) all.push_back(task->next().loss.item<double>());
    return all;
  };
  const auto one = losses("1");
  EXPECT_EQ(losses("3"), one);
  EXPECT_EQ(losses("0"), one) << "as many as there are threads";
  EXPECT_THROW(recipe({"input.workers=-1"}), ModelError);
}

TEST_F(ImageCell, SeveralHeadsShareAnEncoder) {
  auto file = RecipeFile::parse("data.train = '" + folder_.path().string() + "'\n" + R"(
[input]
kind = "image"
[encoder]
patch = 5
width = 8
layers = 1
attention = { num_heads = 2 }
[[head]]
name = "one"
kind = "class"
[[head]]
name = "other"
kind = "class"
weight = 0.5
pool = { kind = "attention", attention = { num_heads = 2 } }
[train]
epochs = 1
)",
                                "recipe.toml");
  auto wanted = Recipe::read(file);
  EXPECT_EQ(wanted.heads.size(), 2u);
  const auto text = to_toml(wanted.entries());
  EXPECT_THAT(text, HasSubstr("[[head]]\nname = \"other\""));
  EXPECT_EQ(to_toml(Recipe::read(RecipeFile::parse(text, "again.toml")).entries()), text);
  const auto options = wanted.train;
  const test::TempFolder runs;
  train(*make_task(std::move(wanted)), {.options = options, .folder = runs.path() / "run"});
  auto predictor = Predictor::load(runs.path() / "run");
  EXPECT_EQ(predictor.heads(), (std::vector<std::string>{"one", "other"}));
  const auto found = predictor.evaluate({folder_.path().string()});
  EXPECT_EQ(found.metrics.front().first, "one.accuracy");
}

}  // namespace
}  // namespace heed
