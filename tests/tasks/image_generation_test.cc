// New images: probabilities sum to 1, what is drawn is what is measured, a saved model answers as the trained one did.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/core/random.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/cell_runs.h"
#include "tasks/heads/image_patches.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ImageGeneration : public test::CellRuns {
 protected:
  /// Images of values 0 and 255, one after another, with labels.
  void write(const std::string& name, uint32_t height, uint32_t width,
             const std::vector<test::Bytes>& images, const test::Bytes& labels) const {
    test::Bytes values;
    for (const auto& image : images) values.insert(values.end(), image.begin(), image.end());
    const auto count = static_cast<uint32_t>(images.size());
    files_.write(name + "-images-idx3-ubyte", test::idx({count, height, width}, values));
    files_.write(name + "-labels-idx1-ubyte", test::idx({count}, labels));
  }

  /// Every black and white image of 2 x 2 pixels, of class 0 and of class 1.
  void write_all_images() const {
    std::vector<test::Bytes> images;
    test::Bytes labels;
    for (int label = 0; label < 2; ++label)
      for (int number = 0; number < 16; ++number) {
        auto& image = images.emplace_back();
        for (int i = 0; i < 4; ++i) image.push_back(number >> i & 1 ? 255 : 0);
        labels.push_back(static_cast<uint8_t>(label));
      }
    write("all", 2, 2, images, labels);
  }

  /// Grey noise of 4 x 4 pixels.
  void write_noise(const std::string& name, int count) const {
    std::vector<test::Bytes> images;
    test::Bytes labels;
    for (int i = 0; i < count; ++i) {
      Random random(5, static_cast<uint32_t>(i));
      auto& image = images.emplace_back();
      for (int p = 0; p < 16; ++p) image.push_back(static_cast<uint8_t>(random.below(256)));
      labels.push_back(static_cast<uint8_t>(i % 2));
    }
    write(name, 4, 4, images, labels);
  }

  Recipe recipe(const std::string& data, const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse(
        "data = { train = '" + named(data) + "', test = '" + named(data) + "' }\n" + R"(
input = { kind = 'image' }
encoder = { kind = 'none' }
[head]
kind = 'image'
levels = 2
decoder_layers = 1
width = 16
hidden = 32
dropout = 0.0
tied = 'none'
decoder_attention = { position = 'learned(17)', masks = ['causal'], num_heads = 2 }
[train]
epochs = 2
batch = 8
optimizer = { lr = 0.01 }
)",
        "recipe.toml");
    file.set("seed=" + std::to_string(test::learning_seed(3)));
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  std::string named(const std::string& data) const { return (files_.path() / data).string(); }

  Predictor trained(const std::string& data, const std::vector<std::string>& more = {},
                    const std::vector<std::string>& set = {}) const {
    const auto name = "model-" + std::to_string(models_++);
    run(recipe(data, more), name);
    return Predictor::load(folder_ / name, set);
  }

  /// What is drawn for requests, so many at a time.
  static std::vector<nlohmann::json> drawn(Predictor& predictor,
                                           const std::vector<std::string>& inputs,
                                           int64_t together = 64) {
    std::vector<nlohmann::json> all;
    const auto stream = predictor.stream(inputs);
    while (const auto some = stream->next(together))
      for (const auto& answer : predictor.predict(some))
        all.push_back(nlohmann::json::parse(answer[0].json));
    return all;
  }

  static std::vector<double> numbers(const std::vector<std::string>& lines) {
    std::vector<double> all;
    for (const auto& line : lines) all.push_back(std::stod(line));
    return all;
  }

  test::TempFolder files_;
  mutable int models_ = 0;
};

TEST(ImagePatches, AreTheImageInOtherOrder) {
  const ImageShape shape{3, 4, 6};
  for (const auto& [levels, patch] :
       {std::pair{2, std::vector<int64_t>{2, 2}}, {4, {1, 2}}, {16, {1, 1}}, {256, {1, 1}}}) {
    const ImagePatches patches({levels, Quantize::nearest, patch}, shape);
    const auto image = at::randint(levels, {5, 3, 4, 6}, at::kLong);
    const auto tokens = patches.tokens(image);
    EXPECT_EQ(tokens.sizes(), at::IntArrayRef({5, patches.count()}));
    EXPECT_LT(tokens.max().item<int64_t>(), patches.vocabulary());
    EXPECT_TRUE(patches.levels(tokens).equal(image)) << levels;
  }
  // 256 levels of three channels: a token a channel.
  const ImagePatches single({256, Quantize::nearest, {1, 1}}, shape);
  EXPECT_EQ(single.count(), 72);
  EXPECT_EQ(single.name(7), "1,3 green");
  const ImagePatches pairs({2, Quantize::nearest, {2, 3}}, {1, 4, 6});
  EXPECT_EQ(pairs.name(3), "2,2");
  auto one = at::zeros({1, 1, 4, 6}, at::kLong);
  one[0][0][3][4] = 1;  // of the patch 2,2 the second row and column, its fifth pixel
  EXPECT_EQ(pairs.tokens(one)[0][3].item<int64_t>(), 1 << 4);
}

TEST(ImagePatches, LevelsAreNearOrDrawn) {
  const auto values = at::arange(256, at::kFloat).view({1, 1, 1, 256});
  const auto none = at::zeros({1}, at::kLong);
  const auto near = quantized({2, Quantize::nearest, {1, 1}}, values, none, {});
  EXPECT_EQ(near.sum().item<int64_t>(), 128);
  EXPECT_EQ(near[0][0][0][128].item<int64_t>(), 1);
  EXPECT_TRUE(
      quantized({256, Quantize::stochastic, {1, 1}}, values, none, {}).equal(values.to(at::kLong)));
  const PatchOptions drawn{3, Quantize::stochastic, {1, 1}};
  const auto grey = at::full({20, 1, 30, 30}, 100.0, at::kFloat);
  const auto examples = at::arange(20, at::kLong);
  const auto once = quantized(drawn, grey, examples, {.seed = 4});
  // 100 / 255 x 2 = 0.784; the mean of 18,000 draws is within 5 deviations.
  EXPECT_NEAR(once.to(at::kDouble).mean().item<double>(), 200.0 / 255, 5 * 0.41 / std::sqrt(18000));
  EXPECT_TRUE(once.equal(quantized(drawn, grey, examples, {.seed = 4})));
  EXPECT_FALSE(once.equal(quantized(drawn, grey, examples, {.seed = 4, .epoch = 1})));
  EXPECT_FALSE(once[0].equal(once[1]));
  // An example draws the same whatever stands beside it.
  EXPECT_TRUE(
      quantized(drawn, grey.narrow(0, 3, 1), examples.narrow(0, 3, 1), {.seed = 4})[0].equal(
          once[3]));
}

TEST_F(ImageGeneration, ProbabilitiesOfAllImagesSumToOne) {
  write_all_images();
  for (const std::string patch : {"[1, 1]", "[1, 2]", "[2, 2]"})
    for (const std::string column : {"", "label"}) {
      auto predictor = trained(
          "all", {"head.patch=" + patch, "head.column='" + column + "'", "head.lookback=[1]"});
      const auto found = predictor.evaluate({named("all")});
      const auto nats = numbers(found.outputs);
      ASSERT_EQ(nats.size(), 32);
      double sums[2] = {0, 0}, mean = 0;
      for (size_t i = 0; i < 32; ++i) sums[i / 16] += std::exp(-nats[i]), mean += nats[i] / 32;
      EXPECT_NEAR(sums[0], 1, 2e-4) << patch << column;  // of four digits
      EXPECT_NEAR(sums[1], 1, 2e-4) << patch << column;
      EXPECT_NEAR(metric(found.metrics, "nats_per_image"), mean, 1e-4);
      EXPECT_NEAR(metric(found.metrics, "bits_per_dimension"), mean / std::log(2.0) / 4, 1e-4);
      // Each pixel is 1 in half of the images.
      EXPECT_NEAR(metric(found.metrics, "baseline_nats_per_image"), 4 * std::log(2.0), 1e-12);
    }
}

TEST_F(ImageGeneration, WhatIsDrawnIsAsLikelyAsItIsMeasured) {
  write_noise("noise", 16);
  auto predictor =
      trained("noise", {"head.patch=[2, 1]", "head.column='label'", "head.lookback=[1, 4]"});
  const auto images = drawn(predictor, {"1:5", "0", "1"});
  ASSERT_EQ(images.size(), 7);
  std::vector<test::Bytes> values;
  for (const auto& image : images) {
    auto& own = values.emplace_back();
    for (const auto& row : image["levels"][0])
      for (const int level : row) own.push_back(level ? 255 : 0);
  }
  write("drawn", 4, 4, values, {1, 1, 1, 1, 1, 0, 1});
  const auto measured = numbers(predictor.evaluate({named("drawn")}).outputs);
  for (size_t i = 0; i < 7; ++i)
    EXPECT_NEAR(images[i]["nats"].get<double>(), measured[i], 1e-4) << i;
  EXPECT_NE(images[0]["levels"], images[1]["levels"]);
}

// Probabilities of what comes next, from those of all images that begin so: the likeliest each time is what top_k = 1 draws.
TEST_F(ImageGeneration, DrawsByTheProbabilitiesOfWholeImages) {
  write_all_images();
  auto predictor = trained("all", {"train.epochs=1"}, {"head.generate.top_k=1"});
  const auto nats = numbers(predictor.evaluate({named("all")}).outputs);
  int beginning = 0;  // bits of pixels
  for (int place = 0; place < 4; ++place) {
    double black = 0, white = 0;
    for (int number = 0; number < 16; ++number)
      if ((number & ((1 << place) - 1)) == beginning)
        (number >> place & 1 ? white : black) += std::exp(-nats[static_cast<size_t>(number)]);
    if (white > black) beginning |= 1 << place;
  }
  const auto found = drawn(predictor, {"1"})[0]["levels"][0];
  for (int i = 0; i < 4; ++i) EXPECT_EQ(found[i / 2][i % 2], beginning >> i & 1) << i;
}

TEST_F(ImageGeneration, TheSeedDecidesAndNothingElse) {
  write_noise("noise", 16);
  run(recipe("noise", {"head.patch=[2, 2]"}), "seeds");
  const auto draw = [&](const std::vector<std::string>& set, int64_t together,
                        const std::vector<std::string>& asked) {
    auto predictor = Predictor::load(folder_ / "seeds", set);
    return drawn(predictor, asked, together);
  };
  const auto all = draw({}, 64, {"9"});
  EXPECT_EQ(draw({"head.generate.batch=2"}, 2, {"3", "6"}), all);
  EXPECT_NE(draw({"head.generate.seed=2"}, 64, {"9"}), all);
  for (size_t i = 1; i < all.size(); ++i) EXPECT_NE(all[i]["levels"], all[0]["levels"]) << i;
}

TEST_F(ImageGeneration, GoesOnFromAGivenImage) {
  write_noise("noise", 16);
  auto predictor = trained("noise", {"head.patch=[1, 4]"}, {"head.generate.given=0.75"});
  const auto found = drawn(predictor, {named("noise") + ":3"})[0]["levels"][0];
  const auto split = predictor.find(named("noise") + ":3");
  const auto image = split->show(0).image->values;
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(found[i / 4][i % 4] == 1, image[i] >= 128) << i;
  // Its fourth row is drawn: of sixteen images it is not always the given one's.
  int same = 0;
  for (int i = 0; i < 16; ++i) {
    const auto name = named("noise") + ":" + std::to_string(i);
    const auto own = predictor.find(name)->show(0).image->values;
    const auto row = drawn(predictor, {name})[0]["levels"][0][3];
    bool equal = true;
    for (size_t x = 0; x < 4; ++x) equal = equal && (row[x] == 1) == (own[12 + x] >= 128);
    same += equal;
  }
  EXPECT_LT(same, 12);
}

TEST_F(ImageGeneration, LearnsStripes) {
  std::vector<test::Bytes> images;
  test::Bytes labels;
  for (int i = 0; i < 96; ++i) {  // a bit a row, or a column
    Random random(8, static_cast<uint32_t>(i));
    const uint32_t bits = random.bits();
    auto& image = images.emplace_back();
    for (int p = 0; p < 16; ++p) image.push_back(bits >> (i % 2 ? p / 4 : p % 4) & 1 ? 255 : 0);
    labels.push_back(static_cast<uint8_t>(i % 2));
  }
  write("stripes", 4, 4, images, labels);
  const auto result =
      run(recipe("stripes", {"head.patch=[2, 2]", "head.column='label'", "train.epochs=40"}),
          "stripes");
  // Four bits are 2.77 nats; pixels by themselves 11.09.
  test::expect_learned("nats of stripes", metric(*result.test, "nats_per_image"), 5,
                       4 * std::log(2.0));
  EXPECT_NEAR(metric(*result.test, "baseline_nats_per_image"), 16 * std::log(2.0), 0.5);
  auto predictor = Predictor::load(folder_ / "stripes");
  const auto again = predictor.evaluate({named("stripes")});
  for (const char* name : {"nats_per_image", "bits_per_dimension", "baseline_nats_per_image"})
    EXPECT_EQ(metric(again.metrics, name), metric(*result.test, name)) << name;
}

TEST_F(ImageGeneration, WritesWhatItDraws) {
  write_noise("noise", 8);
  auto predictor = trained("noise", {"head.patch=[2, 2]"});
  predictor.answer_by({.output = path("drawn.png")});
  const auto images = drawn(predictor, {"5"});
  predictor.finish();
  const auto sheet = data::read_image(path("drawn.png"));
  EXPECT_EQ(sheet.shape, (ImageShape{1, 10, 16}));  // 3 columns, 2 rows
  for (int64_t y = 0; y < 4; ++y)
    for (int64_t x = 0; x < 4; ++x)
      EXPECT_EQ(sheet.values[static_cast<size_t>((6 + y) * 16 + 6 + x)],
                images[4]["levels"][0][y][x] == 1 ? 255 : 0);
}

TEST_F(ImageGeneration, ShowsWhereEachPatchLooked) {
  write_noise("noise", 8);
  auto predictor =
      trained("noise", {"head.patch=[2, 4]", "head.column='label'", "head.decoder_layers=2"});
  const auto seen = predictor.explain(predictor.find(named("noise") + ":1"));
  ASSERT_EQ(seen.maps.size(), 2);
  EXPECT_EQ(seen.maps[0].name(), "decoder.0.attention");
  const auto& looked = seen.heads[0];
  ASSERT_EQ(looked.read.size(), 3);  // what begins, the class, and the first of two patches
  EXPECT_EQ(looked.read[2].text, "1,1");
  EXPECT_EQ(looked.predicted[2].text, "2,1");
  EXPECT_EQ(looked.expected, "1");
  EXPECT_EQ(seen.maps[0].keys(), 3);
}

// Levels have no gradient, so there is no adversary.
TEST_F(ImageGeneration, IsMeasuredUnderNoise) {
  write_noise("noise", 8);
  const auto found = trained("noise", {"head.patch=[2, 2]"}).robustness({named("noise")});
  EXPECT_EQ(found.metric, "nats_per_image");
  ASSERT_GT(found.rows.size(), 4);
  for (const auto& row : found.rows) EXPECT_NE(row.kind, "fgsm");
}

TEST_F(ImageGeneration, ResumesWithTheSameBits) {
  write_noise("noise", 16);
  expect_resume(
      [&] {
        return recipe("noise", {"head.patch=[2, 2]", "head.quantize='stochastic'", "train.batch=4",
                                "train.save_every=3", "train.keep_checkpoints=9"});
      },
      3, 8);
}

TEST_F(ImageGeneration, SaysWhatCannotBe) {
  write_noise("noise", 8);
  const auto refused = [&](const std::vector<std::string>& more) {
    return test::message_of<ModelError>([&] { make_task(recipe("noise", more)); });
  };
  EXPECT_THAT(refused({"head.patch=[3, 2]"}),
              HasSubstr("head.patch: expected divisors of the image's height 4"));
  EXPECT_THAT(refused({"head.patch=[4]"}), HasSubstr("patch: expected [height, width]"));
  EXPECT_THAT(refused({"head.patch=[4, 4]"}), HasSubstr("more than 4096 different patches"));
  EXPECT_THAT(refused({"head.encoder_layers=1"}), HasSubstr("encoder_layers"));
  EXPECT_THAT(refused({"head.memory=4", "head.decoder_attention.position='rope'"}),
              HasSubstr("memory"));
  EXPECT_THAT(refused({"head.decoder_attention.position='learned(15)'"}),
              HasSubstr("positions for 15 tokens, and an image is 16"));
  EXPECT_THAT(refused({"head.lookback=[2, 2]"}), HasSubstr("given 2 twice"));
  EXPECT_THAT(refused({"encoder.kind='image'"}), HasSubstr("encoder.kind"));

  auto by_class = trained("noise", {"head.patch=[2, 2]", "head.column='label'"});
  const auto asked = [&](const std::vector<std::string>& inputs) {
    return test::message_of<UsageError>([&] { by_class.stream(inputs); });
  };
  EXPECT_THAT(asked({"cat:2"}),
              AllOf(HasSubstr("cat:2: there is no such image"), HasSubstr("(0, 1)")));
  EXPECT_THAT(asked({"cat"}), AllOf(HasSubstr("cat: there is no such image"), HasSubstr("(0, 1)")));
  EXPECT_THAT(asked({"1:0"}), HasSubstr("expected 1 to 1000000 images"));
  EXPECT_THAT(asked({"1", named("noise")}), HasSubstr("answered apart"));
  EXPECT_THAT(test::message_of<UsageError>([&] { by_class.answer_by({.output = "folder"}); }),
              HasSubstr(".png"));
  EXPECT_THAT(test::message_of<UsageError>([&] { by_class.answer_by({.top = 2}); }),
              HasSubstr("--top"));
  files_.write("lone.png", test::plain_png({1, 4, 4}, 9));
  EXPECT_THAT(test::message_of<DataError>([&] { drawn(by_class, {named("lone.png")}); }),
              HasSubstr("draws images of a class"));
}

}  // namespace
}  // namespace heed
