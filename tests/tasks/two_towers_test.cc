// Images and texts whose vectors lie together, each by an encoder of its own.
#include <gmock/gmock.h>

#include <torch/torch.h>

#include <array>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"
#include "learning.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Of lengths by which sorted batches would keep them apart. Bits of their number from 1 on: bright channels.
constexpr std::array<const char*, 6> kColours = {"red",      "pale green", "yellow",
                                                 "blue hue", "magenta",    "cyan as the sea"};

/// list.csv: 96 images of one colour and some noise, and what that is called.
class TwoTowers : public testing::Test {
 protected:
  TwoTowers() {
    torch::manual_seed(5);
    std::string list = "image,name\n";
    for (int64_t i = 0; i < 96; ++i) {
      auto pixels = torch::randint(120, {8, 8, 3}, at::kByte);
      for (int64_t channel = 0; channel < 3; ++channel)
        if ((i % 6 + 1) >> channel & 1) pixels.select(2, channel).add_(130);
      const auto* first = pixels.data_ptr<uint8_t>();
      const auto name = std::to_string(i) + ".png";
      folder_.write(name, test::png({8, 8, 2, 8, test::Bytes(first, first + pixels.numel())}));
      list += name + "," + kColours[static_cast<size_t>(i % 6)] + "\n";
    }
    folder_.write("list.csv", test::Bytes(list.begin(), list.end()));
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  RecipeFile recipe() const {
    auto file = RecipeFile::parse(R"(
[[input]]
name = "photo"
kind = "image"
[[input]]
name = "called"
kind = "text"
column = "name"
tokenizer = { kind = "words", size = 20 }
[encoder]
kind = "joint"
join = "apart"
width = 8
[encoder.inputs.photo]
patch = 4
width = 12
layers = 1
attention = { num_heads = 2 }
[encoder.inputs.called]
width = 8
layers = 0
[head]
kind = "embedding"
inputs = ["photo", "called"]
width = 6
temperature = 0.2
[train]
epochs = 20
batch = 12
optimizer = { lr = 0.01 }
)",
                                  "recipe.toml");
    file.set("data.train='" + path("list.csv") + "'");
    file.set("seed=" + std::to_string(test::learning_seed(2)));
    return file;
  }
  std::filesystem::path trained() const {
    auto wanted = Recipe::read(recipe());
    const auto options = wanted.train;
    train(*make_task(std::move(wanted)), {.options = options, .folder = folder_.path() / "run"});
    return folder_.path() / "run";
  }
  test::TempFolder folder_;
};

TEST_F(TwoTowers, LearnNamesOfImages) {
  auto predictor = Predictor::load(trained());
  const auto found = predictor.evaluate({path("list.csv")}).metrics;
  const auto metric = [&](const std::string& name) {
    for (const auto& [known, value] : found)
      if (known == name) return value;
    return -1.0;
  };
  test::expect_learned("recall of names", metric("recall@1"), 0.8);
  EXPECT_DOUBLE_EQ(metric("baseline_recall@1"), 1.0 / 6);  // six names, however often they stand
  EXPECT_DOUBLE_EQ(metric("baseline_recall@10"), 1.0);
  EXPECT_NEAR(metric("baseline_mrr"), 2.45 / 6, 1e-12);
}

TEST_F(TwoTowers, LearnToAnswerEachSideWithoutTheOther) {
  const auto model = trained();
  auto images = Predictor::load(model);
  auto names = Predictor::load(model, {"head.inputs=['called','photo']"});
  const std::string lines = "name\nred\npale green\nyellow\nblue hue\nmagenta\ncyan as the sea\n";
  folder_.write("names.csv", test::Bytes(lines.begin(), lines.end()));
  const auto of_names = names.embed(names.stream({path("names.csv")})->next(10));
  EXPECT_EQ(of_names.size(0), 6);
  EXPECT_TRUE(of_names[1].equal(names.embed(names.texts({{"pale green", "line 1"}}))[0]));
  int right = 0;
  for (int64_t i = 0; i < 6; ++i) {
    const auto of_image = images.embed(images.find(path(std::to_string(i) + ".png")));  // (1, 6)
    right += at::matmul(of_names, of_image[0]).argmax().item<int64_t>() == i;
  }
  test::expect_learned("names that images find", right / 6.0, 0.5);
  const auto all = images.embed(images.stream({path("list.csv")})->next(100));
  EXPECT_TRUE(all[5].equal(images.embed(images.find(path("5.png")))[0]));
}

TEST_F(TwoTowers, RefuseWhatDoesNotFit) {
  const auto refused = [&](const std::vector<std::string>& set) {
    auto file = recipe();
    for (const auto& assignment : set) file.set(assignment);
    return test::message_of<ModelError>([&] { make_task(Recipe::read(file)); });
  };
  EXPECT_THAT(refused({"head.inputs=['photo']"}), HasSubstr("two inputs"));
  EXPECT_THAT(refused({"head.inputs=['photo','text']"}), HasSubstr("no input is called 'text'"));
  auto single = recipe();
  single.set("head.inputs=[]");
  EXPECT_THAT(test::message_of<DataError>([&] { make_task(Recipe::read(single)); }),
              HasSubstr("two inputs by head.inputs"));
  EXPECT_THAT(refused({"encoder.join='concat'"}), HasSubstr("join = \"apart\""));
  EXPECT_THAT(refused({"encoder.layers=2"}), HasSubstr("encoder.layers"));
  EXPECT_THAT(refused({"head.score='image'"}), HasSubstr("head.score"));
}

}  // namespace
}  // namespace heed
