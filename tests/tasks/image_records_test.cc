// Images that records name, alone and beside other columns.
#include <gmock/gmock.h>

#include <torch/torch.h>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// list.csv beside photos/: eight images of noise of several sizes, with a class and a question.
class ImageRecords : public testing::Test {
 protected:
  ImageRecords() {
    torch::manual_seed(5);
    std::string list = "image,kind,question\n";
    for (int i = 0; i < 8; ++i) {
      const int64_t height = 9 + i, width = 14 - i;
      const auto values = torch::randint(256, {height * width * 3}, at::kByte);
      const auto* first = values.data_ptr<uint8_t>();
      const auto name = "photos/" + std::to_string(i) + ".png";
      folder_.write(name, test::png({uint32_t(height), uint32_t(width), 2, 8,
                                     test::Bytes(first, first + values.numel())}));
      list += name + (i % 2 ? ",odd,is it odd\n" : ",even,is it even\n");
    }
    write("list.csv", list);
  }

  void write(const std::string& name, const std::string& text) const {
    folder_.write(name, test::Bytes(text.begin(), text.end()));
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("data.train = '" + path("list.csv") + "'\n" + R"(
input = { kind = 'image', size = [8, 8], channels = 3 }
encoder = { patch = 4, width = 8, layers = 1, attention = { num_heads = 2 } }
head = { kind = 'class', column = 'kind' }
train = { epochs = 1, batch = 4 }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }

  Predictor trained(Recipe recipe) const {
    const auto options = recipe.train;
    train(*make_task(std::move(recipe)), {.options = options, .folder = folder_.path() / "run"});
    return Predictor::load(folder_.path() / "run");
  }
  test::TempFolder folder_;
};

TEST_F(ImageRecords, ReadsAFileAsTrainingDoes) {
  for (const std::string fit : {"stretch", "pad", "crop"}) {
    auto predictor = trained(recipe({"input.fit='" + fit + "'", "input.resample='bicubic'"}));
    std::filesystem::remove_all(folder_.path() / "seen");
    const auto all = predictor.stream({path("list.csv")})->next(100);
    ASSERT_EQ(all->size(), 8);
    EXPECT_EQ(all->value(3, "kind"), "odd");
    EXPECT_EQ(all->source_shape(3), (ImageShape{3, 12, 11}));
    const auto images = all->batch({0, 1, 2, 3, 4, 5, 6, 7}, {}).at("image");
    for (int64_t i = 0; i < 8; ++i) {
      const auto one = predictor.find(path("photos/" + std::to_string(i) + ".png"));
      EXPECT_TRUE(one->batch({0}, {}).at("image")[0].equal(images[i])) << i;
      EXPECT_EQ(one->source_shape(0), all->source_shape(i));
      EXPECT_EQ(one->placements(0, {})[0].x0, all->placements(i, {})[0].x0);
    }
    EXPECT_EQ(predictor.find(path("list.csv:3"))->value(0, "kind"), "odd");
    std::filesystem::remove_all(folder_.path() / "run");
  }
}

TEST_F(ImageRecords, PlacementsSayWhereTheBatchsPixelsComeFrom) {
  auto wanted = recipe({"input.augment={ crop = 0.5, flip = true, shift = 2 }",
                        "input.normalize={ mean = [0], std = [0.00392156862745098] }"});
  auto& input = *wanted.inputs.front();
  const Source source{"train", {path("list.csv")}, data::open_records({path("list.csv")})};
  const auto split = input.open(source);
  input.learn(*split, 0);
  for (const Draw draw : {Draw{}, Draw{3, 1, true}}) {
    for (int64_t i = 0; i < 8; ++i) {
      const auto image = split->batch({i}, draw).at("image")[0];
      const auto placed = split->placements(i, draw);
      ASSERT_EQ(placed.size(), 1u);
      const auto& at = placed[0];
      EXPECT_EQ(at.example, i);
      EXPECT_TRUE(at.left >= 0 && at.left + at.width <= 8 && at.top >= 0 &&
                  at.top + at.height <= 8);
      // The middle of the target shows, smoothed, the middle of the part.
      const auto part = data::resize(split->source_image(i), {at.x0, at.y0, at.x1, at.y1},
                                     at.height, at.width, data::Resample::bilinear);
      auto own =
          at::tensor(at::ArrayRef<uint8_t>(part.values), at::kFloat).view({3, at.height, at.width});
      if (at.flip) own = own.flip(2);
      const auto shown = image.narrow(1, at.top, at.height).narrow(2, at.left, at.width);
      if (at.width == 8 && at.height == 8) {
        EXPECT_LT((own - shown).abs().max().item<float>(), 0.01f);
      }
      EXPECT_LT((own - shown).abs().mean().item<float>(), 12) << "moved parts differ by rounding";
    }
  }
}

TEST_F(ImageRecords, AMosaicIsMadeOfPartsOfFour) {
  const auto file = RecipeFile::parse(R"(
size = [12, 16]
channels = 3
resample = "bicubic"
augment = { mosaic = 0.7, crop = 0.4, flip = true }
normalize = { mean = [0], std = [0.00392156862745098] }
)",
                                      "input.toml");
  const auto input = registry<Input>().at("image")();
  FieldReader reader(file);
  input->read(reader);
  const Source source{"train", {path("list.csv")}, data::open_records({path("list.csv")})};
  // What is held out is in no mosaic: a part of the split draws from itself.
  const auto split = subset(input->open(source), {1, 3, 5, 6});
  input->learn(*split, 0);
  EXPECT_EQ(split->value(2, "kind"), "odd") << "its own record";
  int joined = 0, flipped = 0;
  for (int64_t epoch = 0; epoch < 20; ++epoch) {
    const Draw draw{3, epoch, true};
    const auto image = split->batch({2}, draw).at("image")[0];
    const auto placed = split->placements(2, draw);
    joined += placed.size() == 4;
    ASSERT_TRUE(placed.size() == 1 || placed.size() == 4);
    int64_t covered = 0;
    bool has_own = false;
    for (const auto& at : placed) {
      covered += at.width * at.height, has_own = has_own || at.example == 2, flipped += at.flip;
      ASSERT_TRUE(at.example >= 0 && at.example < 4);
      const auto part = data::resize(split->source_image(at.example), {at.x0, at.y0, at.x1, at.y1},
                                     at.height, at.width, data::Resample::bicubic);
      auto own =
          at::tensor(at::ArrayRef<uint8_t>(part.values), at::kFloat).view({3, at.height, at.width});
      if (at.flip) own = own.flip(2);
      const auto shown = image.narrow(1, at.top, at.height).narrow(2, at.left, at.width);
      EXPECT_LT((own - shown).abs().max().item<float>(), 0.01f);
    }
    EXPECT_EQ(covered, 12 * 16);
    EXPECT_TRUE(has_own);
  }
  EXPECT_TRUE(joined > 8 && joined < 19) << joined;
  EXPECT_GT(flipped, 5);
  EXPECT_EQ(split->placements(2, {}).size(), 1u);
}

TEST_F(ImageRecords, AMosaicHasNoClass) {
  EXPECT_THAT(test::message_of<ModelError>([&] { recipe({"input.augment.mosaic=0.5"}); }),
              AllOf(HasSubstr("input.augment.mosaic"), HasSubstr("'class'")));
}

TEST_F(ImageRecords, AQuestionBesideThemIsReadWithThem) {
  auto file = RecipeFile::parse(R"(
[[input]]
name = "photo"
kind = "image"
size = [8, 8]
channels = 3
[[input]]
name = "asked"
kind = "text"
column = "question"
tokenizer = { kind = "words", size = 20 }
[data]
holdout = 0.25
[encoder]
width = 8
layers = 1
attention = { num_heads = 2 }
[encoder.inputs.photo]
patch = 4
width = 8
layers = 1
attention = { num_heads = 2 }
[encoder.inputs.asked]
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "class"
column = "kind"
[train]
epochs = 1
batch = 4
)",
                                "recipe.toml");
  file.set("data.train='" + path("list.csv") + "'");
  auto predictor = trained(Recipe::read(file));
  EXPECT_EQ(predictor.evaluate({path("list.csv")}).examples, 8);
  const auto all = predictor.stream({path("list.csv")})->next(100);
  EXPECT_TRUE(all->has_image());
  EXPECT_EQ(all->source_shape(1), (ImageShape{3, 10, 13}));
  EXPECT_EQ(predictor.predict(all).size(), 8u);
}

TEST_F(ImageRecords, FoldersAndRecordsMayTestEachOther) {
  auto predictor = trained(recipe());
  folder_.write("classes/even/a.png", test::plain_png({3, 8, 8}, 9));
  folder_.write("classes/odd/b.png", test::plain_png({3, 8, 8}, 200));
  auto of_folder = recipe({"data.train='" + path("classes") + "'", "head.column='label'"});
  EXPECT_FALSE(of_folder.data.reads_records);
  EXPECT_THROW(recipe({"data.train='" + path("classes") + "'", "data.format='csv'"}), ModelError);
}

TEST_F(ImageRecords, BadImagesAreNamedByRecordAndColumn) {
  const auto message = [&](const std::string& list) {
    write("bad.csv", list);
    return test::message_of<DataError>(
        [&] { make_task(recipe({"data.train='" + path("bad.csv") + "'"})); });
  };
  folder_.write("photos/cut.png", test::Bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
  EXPECT_THAT(
      message("image,kind\nphotos/0.png,a\nphotos/cut.png,b\n"),
      AllOf(HasSubstr("bad.csv:3: image: "), HasSubstr("photos/cut.png"), HasSubstr("damaged")));
  EXPECT_THAT(message("image,kind\nphotos/0.png,a\n,b\n"),
              AllOf(HasSubstr("bad.csv:3"), HasSubstr("the column 'image' is empty")));
  EXPECT_THAT(message("image,kind\nphotos/0.png,a\nphotos/none.png,b\n"),
              AllOf(HasSubstr("bad.csv:3: image: "), HasSubstr("photos/none.png")));
  EXPECT_THAT(message("picture,kind\nphotos/0.png,a\n"), HasSubstr("image"));
}

}  // namespace
}  // namespace heed
