// Masks of images through the program: every verb, and files that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "data/samples.h"
#include "files.h"
#include "heed/data/mask_file.h"

namespace heed {
namespace {

using test::run;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// An image whose left part is bright, as far as `edge`, and its mask.
void write_pair(const std::filesystem::path& folder, const std::string& name, int64_t width,
                int64_t edge) {
  test::Bytes pixels;
  Mask mask(16, width);
  for (int64_t y = 0; y < 16; ++y)
    for (int64_t x = 0; x < width; ++x) {
      mask.at(y, x) = x < edge ? 1 : 0;
      pixels.push_back(static_cast<uint8_t>((x < edge ? 180 : 30) + (7 * x + 11 * y) % 23));
    }
  const auto image = test::png({16, static_cast<uint32_t>(width), 0, 8, pixels});
  test::write_bytes(folder / (name + ".png"), std::string(image.begin(), image.end()));
  test::write_bytes(folder / (name + "-mask.png"),
                    data::encode_mask(mask, data::MaskColours::grey));
}

test::Trained mask_model() {
  return test::train_once("pixels", [](const std::filesystem::path& folder) {
    for (const char* part : {"train", "test"}) {
      std::string list = "image,mask\n";
      for (int i = 0; i < 12; ++i) {
        const auto name = part + std::to_string(i);
        write_pair(folder, name, i == 3 ? 40 : 16, 3 + i % 10);
        list += name + ".png," + name + "-mask.png\n";
      }
      test::write_bytes(folder / (std::string(part) + ".csv"), list);
    }
    test::write_bytes(folder / "small.toml",
                      "data = { train = '" + (folder / "train.csv").string() + "', test = '" +
                          (folder / "test.csv").string() + "' }\n" + R"(seed = 1
[input]
kind = "image"
size = [16, 16]
fit = "native"
augment = { window = true }
[encoder]
kind = "unet"
width = 8
levels = 2
layers = 1
skip = "attention_gate"
attention = { num_heads = 2 }
[head]
kind = "pixels"
values = "instances"
[train]
epochs = 20
batch = 4
optimizer = { lr = 1e-2 }
)");
  });
}

TEST(Pixels, PredictWritesAMaskAnImage) {
  const auto model = mask_model();
  const test::TemporaryFolder folder;
  const auto out = (folder / "masks").string();
  const auto answer = run(
      {"predict", model.model, model.file("test0.png"), model.file("test3.png"), "--output", out});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(
      answer.out,
      testing::MatchesRegex(".*test0.png\tbackground 0.[0-9]+\tobject 0.[0-9]+\t[0-9]+ objects?\t.*"
                            "masks/test0.png\n.*test3.png\t.*masks/test3.png\n"));
  const auto mask = data::read_mask(folder / "masks/test3.png");
  EXPECT_EQ(mask.width, 40) << "a mask is as large as its image";
  EXPECT_EQ(mask.height, 16);
  const auto json = run({"predict", model.model, model.file("test.csv"), "--json"});
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 12);
  const auto first = nlohmann::json::parse(json.out.substr(0, json.out.find('\n')));
  EXPECT_EQ(first["width"], 16);
  EXPECT_FALSE(first.contains("mask"));
}

TEST(Pixels, FiguresShowTheMaskOverTheImage) {
  const auto model = mask_model();
  const test::TemporaryFolder folder;
  const auto drawn = (folder / "drawn").string();
  const auto answer =
      run({"predict", model.model, model.file("test3.png"), "--figures", drawn, "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const double share = nlohmann::json::parse(answer.out)["shares"]["object"];
  EXPECT_GT(share, 0.02);
  const auto figure = data::read_image(folder / "drawn/test3.png");
  const auto pixels = static_cast<size_t>(figure.shape.pixels());
  double coloured = 0;  // the image is grey
  for (size_t i = 0; i < pixels; ++i)
    coloured += std::abs(figure.values[i] - figure.values[2 * pixels + i]) > 12;
  EXPECT_NEAR(coloured / (16 * 16 * 16 * 40), share, 0.01) << "each pixel is drawn 16 x 16";
}

TEST(Pixels, EveryVerbKnowsThem) {
  const auto model = mask_model();
  const auto eval = run({"eval", model.model});
  ASSERT_EQ(eval.code, 0) << eval.err;
  EXPECT_THAT(eval.out + eval.err,
              AllOf(HasSubstr("dice"), HasSubstr("boundary_iou"), HasSubstr("object_f1"),
                    HasSubstr("baseline_dice"), HasSubstr("baseline_accuracy")));
  const auto summary = run({"summary", model.model});
  ASSERT_EQ(summary.code, 0) << summary.err;
  EXPECT_THAT(summary.out, AllOf(HasSubstr("skips"), HasSubstr("GroupNorm")));
  const auto check = run({"check", model.recipe});
  ASSERT_EQ(check.code, 0) << check.err;
  EXPECT_THAT(check.out + check.err, HasSubstr("12 masks of the numbers 0 to 1"));
  const auto map = run({"map", model.model, model.file("test0.png"), "--json"});
  ASSERT_EQ(map.code, 0) << map.err;
  const auto seen = nlohmann::json::parse(map.out);
  EXPECT_EQ(seen["grid"]["rows"], 4) << "the blocks' tokens are those of the bottom";
  const auto explain = run({"explain", model.model, model.file("test0.png"), "--method",
                            "integrated_gradients", "--json"});
  EXPECT_EQ(explain.code, 0) << explain.err;
}

TEST(Pixels, WhatIsWrongIsNamed) {
  const auto model = mask_model();
  const test::TemporaryFolder folder;
  write_pair(folder.path(), "a", 16, 4), write_pair(folder.path(), "b", 20, 4);
  test::write_bytes(folder / "list.csv", "image,mask\na.png,a-mask.png\na.png,b-mask.png\n");
  const auto sizes = run({"eval", model.model, "--data", (folder / "list.csv").string()});
  EXPECT_EQ(sizes.code, 3);
  EXPECT_THAT(sizes.err,
              AllOf(HasSubstr("b-mask.png"), HasSubstr("16 x 20"), HasSubstr("16 x 16")));
  test::write_bytes(folder / "list.csv", "image,mask\na.png,none.png\n");
  const auto missing = run({"eval", model.model, "--data", (folder / "list.csv").string()});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("list.csv:2"), HasSubstr("none.png")));
  const auto before = test::read_bytes(folder / "a.png");
  const auto over = run(
      {"predict", model.model, (folder / "a.png").string(), "--output", folder.path().string()});
  EXPECT_EQ(over.code, 2) << over.err;
  EXPECT_THAT(over.err, HasSubstr("over the image"));
  EXPECT_EQ(test::read_bytes(folder / "a.png"), before);
  const auto output =
      run({"predict", model.model, model.file("test0.png"), "--output", model.file("test0.png")});
  EXPECT_EQ(output.code, 5) << output.err;
}

}  // namespace
}  // namespace heed
