// Images to masks: small sets are learned, a saved model answers as the trained one did, tiles have no seams.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/core/random.h"
#include "heed/data/mask_file.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/robustness.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Grey noise with bright and dark squares, and their masks: bright ones 1, dark ones 2; or a number an object.
class PixelsCell : public test::CellRuns {
 protected:
  PixelsCell() {
    write_part("train", 24, 16, false), write_part("test", 6, 16, false);
    write_part("train_objects", 24, 16, true), write_part("test_objects", 6, 16, true);
    write_part("wide", 3, 40, false);
  }

  void write_part(const std::string& part, int count, int64_t width, bool objects) {
    std::string list = "image,mask\n";
    for (int i = 0; i < count; ++i) {
      Random random(std::hash<std::string>()(part), static_cast<uint32_t>(i));
      test::Bytes pixels;
      for (int64_t p = 0; p < 16 * width; ++p)
        pixels.push_back(static_cast<uint8_t>(100 + random.below(40)));
      Mask mask(16, width);
      // A square in each cell of 8 x 8, which touches the next where objects are told apart.
      for (int64_t y = 0; y < 16; y += 8)
        for (int64_t x = 0; x + 8 <= width; x += 8) {
          const bool bright = objects || random.below(2) == 1;
          const auto top = y + random.below(3);
          for (int64_t a = top; a < top + 5; ++a)
            for (int64_t b = x + (objects ? 0 : 1); b < x + (objects ? 8 : 7); ++b) {
              mask.at(a, b) = objects ? static_cast<int32_t>(y * width + x + 1) : bright ? 1 : 2;
              pixels[static_cast<size_t>(a * width + b)] =
                  static_cast<uint8_t>((bright ? 190 : 20) + random.below(40));
            }
        }
      if (objects)  // a dark line between objects, as nuclei have
        for (int64_t y = 0; y < 16; ++y)
          for (int64_t x = 8; x < width; x += 8)
            for (const int64_t b : {x - 1, x})
              if (mask.at(y, b) > 0) pixels[static_cast<size_t>(y * width + b)] = 150;
      const auto name = part + std::to_string(i) + ".png";
      test::write_bytes(folder_ / name,
                        text_of_bytes(test::png({16, static_cast<uint32_t>(width), 0, 8, pixels})));
      std::filesystem::create_directories(folder_ / "masks");
      test::write_bytes(folder_ / "masks" / name,
                        data::encode_mask(mask, data::MaskColours::palette));
      list += name + ",masks/" + name + "\n";
    }
    test::write_bytes(folder_ / (part + ".csv"), list);
  }
  static std::string text_of_bytes(const test::Bytes& bytes) {
    return {bytes.begin(), bytes.end()};
  }

  Recipe recipe(const std::vector<std::string>& more = {}, const std::string& encoder = "unet",
                const std::string& data = "") const {
    const bool unet = encoder == "unet";
    auto file = RecipeFile::parse(
        "[data]\ntrain = '" + path("train" + data + ".csv") + "'\ntest = '" +
            path("test" + data + ".csv") + "'\n" +
            "[input]\nkind = 'image'\nsize = [16, 16]\nfit = 'native'\n[encoder]\nkind = '" +
            encoder + "'\nwidth = 8\n" + (unet ? "levels = 2\n" : "patch = 4\nlayers = 1\n") +
            "[head]\nkind = 'pixels'\n" +
            (data.empty() ? "" : "values = 'instances'\nborder = 1\n") +
            "[train]\nepochs = 20\nbatch = 4\noptimizer = { lr = 0.01 }\n",
        "recipe.toml");
    file.set("seed=" + std::to_string(test::learning_seed(3)));
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  std::string refusal(const std::vector<std::string>& more, const std::string& encoder = "unet") {
    try {
      make_task(recipe(more, encoder));
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  }
};

TEST_F(PixelsCell, LearnsClasses) {
  const auto result = run(recipe(), "classes");
  test::expect_learned("dice of squares", metric(*result.test, "dice"), 0.6);
  EXPECT_LT(metric(*result.test, "baseline_accuracy"), 0.8);
  auto predictor = Predictor::load(folder_ / "classes");
  const auto again = predictor.evaluate({path("test.csv")});
  for (const char* name : {"dice", "iou", "boundary_iou", "accuracy", "dice_pooled", "iou_pooled"})
    EXPECT_EQ(metric(again.metrics, name), metric(*result.test, name)) << name;
  // What is written is what is measured.
  predictor.answer_by({.output = path("out")});
  double pixels = 0, right = 0;
  for (int i = 0; i < 6; ++i) {
    const auto name = "test" + std::to_string(i) + ".png";
    const auto answer = predictor.predict(predictor.stream({path(name)})->next(1))[0][0];
    const auto json = nlohmann::json::parse(answer.json);
    EXPECT_EQ(json["mask"], path("out/" + name));
    const auto found = data::read_mask(path("out/" + name));
    const auto wanted = data::read_mask(path("masks/" + name));
    ASSERT_EQ(found.pixels(), wanted.pixels());
    for (size_t p = 0; p < found.values.size(); ++p)
      right += found.values[p] == wanted.values[p], ++pixels;
    double share = 0;
    for (const auto& [key, value] : json["shares"].items()) share += value.get<double>();
    EXPECT_NEAR(share, 1, 1e-9);
  }
  EXPECT_NEAR(right / pixels, metric(*result.test, "accuracy"), 1e-12);
}

TEST_F(PixelsCell, LearnsObjectsThatTouch) {
  const auto result = run(recipe({}, "unet", "_objects"), "objects");
  test::expect_learned("F1 of objects", metric(*result.test, "object_f1"), 0.7);
  EXPECT_GT(metric(*result.test, "baseline_dice"), 0.8) << "they are brighter";
  auto predictor = Predictor::load(folder_ / "objects");
  predictor.answer_by({.output = path("out")});
  const auto answer =
      predictor.predict(predictor.stream({path("test_objects0.png")})->next(1))[0][0];
  const auto mask = data::read_mask(path("out/test_objects0.png"));
  EXPECT_EQ(nlohmann::json::parse(answer.json)["objects"],
            *std::max_element(mask.values.begin(), mask.values.end()));
}

TEST_F(PixelsCell, LearnsFromPatchesByEachDecoder) {
  for (const char* decoder : {"shuffle", "queries"}) {
    const auto result = run(recipe({std::string("head.decoder=") + decoder, "train.epochs=25",
                                    "encoder.attention={ num_heads = 2, position = 'learned' }",
                                    "input.augment={ flip = true }", "head.loss=both"},
                                   "image"),
                            decoder);
    const bool shuffle = decoder[0] == 's';
    test::expect_learned(std::string("dice of squares by ") + decoder, metric(*result.test, "dice"),
                         shuffle ? 0.6 : 0.4);
  }
}

/// What is learned of random changes is what the pixels show: bright ones are class 1, dark ones 2.
TEST_F(PixelsCell, MasksGoWhereTheirPixelsGo) {
  // At edges pixels are mixtures, the more the smaller squares become.
  for (const auto& [augment, least] : std::vector<std::pair<std::string, double>>{
           {"{ mosaic = 1, crop = 0.5, flip = true, flip_vertical = true }", 0.7},
           {"{ window = true, scale = 1.5, flip = true, flip_vertical = true }", 0.75},
           {"{ shift = 5, flip = true, flip_vertical = true }", 1}}) {
    auto wanted = recipe({"input.augment=" + augment,
                          "input.normalize={ mean = [0], std = [0.00392156862745098] }"});
    auto& input = *wanted.inputs.front();
    const Source source{"train", {path("train.csv")}, data::open_records({path("train.csv")})};
    const auto split = input.open(source);
    input.learn(*split, 0);
    auto& head = *wanted.heads.front();
    head.learn(*split, input);
    head.make(wanted.encoder->make(input.sizes()), input, {});
    double same = 0, all = 0, shown = 0;
    for (int64_t i = 0; i < split->size(); ++i) {
      const Draw draw{7, 1, true};
      auto batch = split->batch({i}, draw);
      head.add_targets(*split, {i}, draw, batch);
      const auto image = batch.at("image")[0][0];
      const auto expected =
          at::where(image > 165, at::ones_like(image),
                    at::where(image < 80, at::full_like(image, 2), at::zeros_like(image)))
              .to(at::kLong);
      const auto target = batch.at("target.mask")[0];
      const auto known = target >= 0;
      same += (target.eq(expected).logical_and(known)).sum().item<double>();
      all += known.sum().item<double>();
      shown += target.gt(0).sum().item<double>();
    }
    EXPECT_GT(all, 24 * 16 * 16 * 0.6) << augment;
    EXPECT_GT(shown / all, 0.2) << augment;
    EXPECT_GE(same / all, least) << augment;
  }
}

/// With the mean over mirror images, the mirror image has the mirrored answer.
TEST_F(PixelsCell, TestFlipsMirrorTheirAnswers) {
  run(recipe({"train.epochs=12"}), "small");
  const auto image = data::read_image(path("wide1.png"));
  auto mirrored = image;
  for (int64_t y = 0; y < 16; ++y)
    for (int64_t x = 0; x < 40; ++x)
      mirrored.values[static_cast<size_t>(y * 40 + x)] =
          image.values[static_cast<size_t>((15 - y) * 40 + 39 - x)];
  test::write_bytes(folder_ / "mirrored.png",
                    text_of_bytes(test::png({16, 40, 0, 8, mirrored.values})));
  const auto agreement = [&](const std::string& fit, const std::string& flips) {
    auto predictor = Predictor::load(
        folder_ / "small", {"input.fit='" + fit + "'", "head.test_flips='" + flips + "'"});
    predictor.answer_by({.output = path(fit + flips)});
    for (const char* name : {"wide1.png", "mirrored.png"})
      predictor.predict(predictor.stream({path(name)})->next(1));
    const auto a = data::read_mask(path(fit + flips + "/wide1.png"));
    const auto b = data::read_mask(path(fit + flips + "/mirrored.png"));
    double same = 0;
    for (int64_t y = 0; y < 16; ++y)
      for (int64_t x = 0; x < 40; ++x) same += a.at(y, x) == b.at(15 - y, 39 - x);
    return same / (16 * 40);
  };
  EXPECT_LT(agreement("native", "none"), 0.99);
  for (const std::string fit : {"native", "stretch", "pad"})  // tiles, a whole image, a part of one
    EXPECT_GT(agreement(fit, "both"), 0.998) << fit;
}

/// An adversary changes what the model reads at once, and answers of larger images are of parts that are read again.
TEST_F(PixelsCell, AnAdversaryGetsWhatIsReadAtOnce) {
  run(recipe({"train.epochs=1"}), "brief");
  auto predictor = Predictor::load(folder_ / "brief");
  const auto attacked = [&](const std::string& data) {
    int64_t rows = 0;
    for (const auto& row : predictor.robustness({path(data)}, 1).rows)
      rows += row.kind == "fgsm" && row.strength > 0;
    return rows;
  };
  EXPECT_EQ(attacked("test.csv"), 4);
  EXPECT_EQ(attacked("wide.csv"), 0);
}

TEST_F(PixelsCell, NumbersThatAreNoClassesAreNotGuessed) {
  auto mask = data::read_mask(path("masks/train0.png"));
  for (auto& value : mask.values) value = value == 1 ? 255 : 0;
  test::write_bytes(folder_ / "masks/train0.png", data::encode_mask(mask, data::MaskColours::grey));
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,masks/train0.png\n");
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("number 255, but none has 1"), HasSubstr("head.ignore"),
                                 HasSubstr("instances")));
  EXPECT_THAT(refusal({"head.values='instances'"}), HasSubstr("nothing was refused"));
}

TEST_F(PixelsCell, GoesOnWithTheSameBits) {
  expect_resume(
      [this] {
        return recipe({"train.epochs=2", "train.save_every=3", "train.keep_checkpoints=9",
                       "input.augment={ flip = true, window = true }"});
      },
      3, 12);
}

/// What one patch becomes depends on no other, so tiles give what the whole gives.
TEST_F(PixelsCell, TilesHaveNoSeams) {
  run(recipe({"encoder.layers=0", "encoder.attention.position=none", "head.decoder=shuffle",
              "train.epochs=2", "head.tile_overlap=0.5",
              "input.normalize={ mean = [0.5], std = [0.2] }"},
             "image"),
      "local");
  auto tiles = Predictor::load(folder_ / "local");
  auto whole =
      Predictor::load(folder_ / "local", {"input.size=[16, 40]", "input.shape=[1, 16, 40]"});
  tiles.answer_by({.output = path("tiles")}), whole.answer_by({.output = path("whole")});
  for (int i = 0; i < 3; ++i) {
    const auto name = "wide" + std::to_string(i) + ".png";
    const auto a = tiles.predict(tiles.stream({path(name)})->next(1))[0][0];
    const auto b = whole.predict(whole.stream({path(name)})->next(1))[0][0];
    EXPECT_EQ(nlohmann::json::parse(a.json)["shares"], nlohmann::json::parse(b.json)["shares"]);
    const auto mask = data::read_mask(path("tiles/" + name));
    EXPECT_EQ(mask, data::read_mask(path("whole/" + name)));
    EXPECT_EQ(mask.width, 40);
  }
  // The same of records, and however many are answered together.
  const auto some = tiles.stream({path("wide.csv")})->next(9);
  const auto all = tiles.predict(some);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(nlohmann::json::parse(all[2][0].json)["mask"], path("tiles/wide2-2.png"));
  EXPECT_EQ(data::read_mask(path("tiles/wide2-2.png")), data::read_mask(path("whole/wide2.png")));
}

TEST_F(PixelsCell, AnswersInThePixelsOfTheFile) {
  run(recipe({"input.fit=pad", "input.size=[12, 12]", "encoder.levels=1", "train.epochs=1"}),
      "padded");
  auto predictor = Predictor::load(folder_ / "padded");
  predictor.answer_by({.output = path("padded-out")});
  const auto found = predictor.evaluate({path("wide.csv")});
  EXPECT_EQ(found.examples, 3);
  predictor.predict(predictor.stream({path("wide0.png")})->next(1));
  const auto mask = data::read_mask(path("padded-out/wide0.png"));
  EXPECT_EQ(mask.height, 16);
  EXPECT_EQ(mask.width, 40);
}

TEST_F(PixelsCell, WhatDoesNotFitIsRefused) {
  EXPECT_THAT(refusal({"input.augment={ window = true }", "input.fit=stretch"}),
              HasSubstr("augment.window"));
  EXPECT_THAT(refusal({"head.classes=['a', 'b']"}),
              AllOf(HasSubstr("masks/train"), HasSubstr("row"), HasSubstr("column"),
                    HasSubstr("number 2"), HasSubstr("0 .. 1")));
  EXPECT_THAT(refusal({"head.metric=object_f1"}), HasSubstr("metric"));
  EXPECT_THAT(refusal({"head.decoder=queries", "head.attention={ num_heads = 3 }"}),
              HasSubstr("num_heads"));
  EXPECT_THAT(refusal({"head.column=masks"}), HasSubstr("'masks'"));
  EXPECT_THAT(refusal({"encoder.levels=5"}), HasSubstr("encoder.levels"));
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,masks/wide0.png\n");
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("wide0.png"), HasSubstr("16 x 40"), HasSubstr("16 x 16"),
                                 HasSubstr("train.csv:2")));
  const auto high = test::png({24, 16, 0, 8, test::Bytes(24 * 16, 1)});
  test::write_bytes(folder_ / "masks/high.png", {high.begin(), high.end()});
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,masks/high.png\n");
  EXPECT_THAT(refusal({}),
              AllOf(HasSubstr("high.png"), HasSubstr("24 x 16"), HasSubstr("16 x 16")));
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,\n");
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("train.csv:2"), HasSubstr("empty")));
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,masks/none.png\n");
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("train.csv:2"), HasSubstr("none.png")));
  test::write_bytes(folder_ / "train.csv", "image,mask\ntrain0.png,recipe.txt\n");
  test::write_bytes(folder_ / "recipe.txt", "no image");
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("recipe.txt"), HasSubstr("no PNG")));
}

TEST_F(PixelsCell, PixelsThatAreIgnoredAreNeitherLearnedNorMeasured) {
  // Number 2 is left out: what is said of it changes nothing.
  const auto result = run(
      recipe({"head.ignore=2", "head.classes=['none', 'bright']", "train.epochs=20"}), "ignored");
  test::expect_learned("dice of bright squares", metric(*result.test, "dice"), 0.6);
  EXPECT_GT(metric(*result.test, "accuracy"), 0.9);
}

}  // namespace
}  // namespace heed
