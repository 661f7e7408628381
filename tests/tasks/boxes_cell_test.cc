// Objects in images: learned, saved, answered in pixels of the file, and refused where they cannot be.
#include <gmock/gmock.h>

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/samples.h"
#include "heed/core/random.h"
#include "heed/metrics/detection.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "tasks/cell_runs.h"
#include "tasks/heads/box_decoder.h"
#include "tasks/heads/box_places.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Images of 24 x 32 pixels with a bright square and, in half of them, a grey bar; list.jsonl names them with their boxes.
class BoxesCell : public test::CellRuns {
 protected:
  void write_set(const std::string& name, int count, uint32_t stream) const {
    std::string list;
    for (int i = 0; i < count; ++i) {
      Random random(5, stream, static_cast<uint32_t>(i));
      test::Bytes pixels(24 * 32);
      for (auto& pixel : pixels) pixel = static_cast<uint8_t>(random.below(60));
      std::vector<std::string> boxes;
      const auto add = [&](const char* kind, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                           uint8_t value) {
        for (uint32_t r = y; r < y + h; ++r)
          for (uint32_t c = x; c < x + w; ++c) pixels[r * 32 + c] = value;
        boxes.push_back(std::string(kind) + " " + std::to_string(x) + " " + std::to_string(y) +
                        " " + std::to_string(x + w) + " " + std::to_string(y + h));
      };
      const uint32_t side = 7 + random.below(3);
      add("square", random.below(32 - side), random.below(12 - side + 4), side, side, 255);
      if (i % 2) add("long bar", random.below(18), 18 + random.below(2), 13, 4, 150);
      const auto file = name + std::to_string(i) + ".png";
      const auto png = test::png({24, 32, 0, 8, pixels});
      test::write_bytes(folder_ / file, std::string(png.begin(), png.end()));
      list += nlohmann::json{{"image", file}, {"boxes", boxes}}.dump() + "\n";
    }
    test::write_bytes(folder_ / (name + ".jsonl"), list);
  }

  Recipe recipe(const std::string& head, const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("data.train = '" + path("train.jsonl") + "'\ndata.valid = '" +
                                      path("valid.jsonl") + "'\n" +
                                      "seed = " + std::to_string(test::learning_seed(1)) + R"(
input = { kind = 'image', size = [24, 32] }
encoder = { stem = 'conv', patch = 4, width = 16, layers = 1, hidden = 32, attention = { position = 'learned', num_heads = 2 } }
head = )" + head + R"(
train = { epochs = 12, batch = 8, optimizer = { kind = 'adamw', lr = 5e-3 }, schedule = { kind = 'cosine', warmup = 10 }, clip_grad_norm = 5 }
)",
                                  "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  static constexpr const char* kDense = "{ kind = 'boxes', convolutions = 1 }";
  static constexpr const char* kQueries =
      "{ kind = 'boxes', decoder = 'queries', queries = 6, layers = 2, hidden = 32, dropout = 0, "
      "attention = { num_heads = 2 }, cross "
      "= { num_heads = 2 } }";

  std::string refusal(Recipe recipe) const {
    return test::message_of<DataError>([&] { run(std::move(recipe), "refused"); });
  }
};

TEST_F(BoxesCell, ADenseHeadLearnsToBoxSquares) {
  write_set("train", 96, 1), write_set("valid", 32, 2);
  const auto result = run(recipe(kDense, {"head.metric='ap50'", "train.epochs=24"}), "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto score = predictor.evaluate({path("valid.jsonl")});
  test::expect_learned("AP at 0.5 of squares and bars", metric(score.metrics, "ap50"), 0.7);
  EXPECT_LT(metric(score.metrics, "baseline_ap50"), 0.3);
  EXPECT_THAT(score.report, HasSubstr("long bar"));
  EXPECT_THROW(predictor.explain(predictor.find(path("valid0.png")), "1"), UsageError)
      << "no query says a box";
}

TEST_F(BoxesCell, ASetOfQueriesLearnsToBoxSquares) {
  write_set("train", 192, 1), write_set("valid", 32, 2);
  run(recipe(kQueries, {"head.metric='ap50'", "train.epochs=30", "train.optimizer.lr=2e-3"}),
      "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto score = predictor.evaluate({path("valid.jsonl")});
  test::expect_learned("AP at 0.5 of a set's boxes", metric(score.metrics, "ap50"), 0.4);
  const auto seen = predictor.explain(predictor.find(path("valid0.png")));
  EXPECT_EQ(seen.maps.size(), 5u)
      << "of the encoder's block, and each of the head's two to the queries and the image";
  EXPECT_GE(seen.heads[0].query, 0);
  EXPECT_LT(seen.heads[0].query, 6);
  EXPECT_THROW(predictor.explain(predictor.find(path("valid0.png")), "7"), UsageError);
}

TEST_F(BoxesCell, AnswersAreInPixelsOfTheFile) {
  write_set("train", 16, 1), write_set("valid", 4, 2);
  for (const std::string fit : {"stretch", "pad", "crop"}) {
    run(recipe(kDense, {"train.epochs=1", "train.schedule.warmup=0", "input.fit='" + fit + "'",
                        "input.size=[16, 16]", "encoder.patch=4", "head.threshold=0"}),
        fit);
    auto predictor = Predictor::load(folder_ / fit);
    const auto split = predictor.stream({path("valid.jsonl")})->next(4);
    const auto answers = predictor.predict(split);
    const auto json = nlohmann::json::parse(answers[0][0].json);
    ASSERT_GT(json["boxes"].size(), 0u);
    ASSERT_EQ(json["boxes"].size(), answers[0][0].boxes.size());
    for (const auto& box : answers[0][0].boxes) {
      EXPECT_GE(box.x0, 0);
      EXPECT_LE(box.x1, 32);
      EXPECT_GE(box.y0, 0);
      EXPECT_LE(box.y1, 24);
      EXPECT_LT(box.x0, box.x1);
    }
    // A file by itself, without boxes, is answered as the record is, but for the rounding of a batch.
    const auto alone = predictor.predict(predictor.find(path("valid0.png")))[0][0].boxes;
    ASSERT_FALSE(alone.empty());
    EXPECT_NEAR(alone[0].score, answers[0][0].boxes[0].score, 1e-4);
    EXPECT_NEAR(alone[0].x0, answers[0][0].boxes[0].x0, 0.1);
    EXPECT_NEAR(alone[0].y1, answers[0][0].boxes[0].y1, 0.1);
  }
}

TEST(BoxPlaces, GoIntoTheBatchAndBack) {
  const data::Placement placement{.x0 = 10,
                                  .y0 = 20,
                                  .x1 = 50,
                                  .y1 = 60,
                                  .flip = true,
                                  .left = 4,
                                  .top = 2,
                                  .width = 80,
                                  .height = 40};
  const ImageShape batch{3, 42, 84}, source{3, 100, 100};
  Rectangle moved;
  ASSERT_TRUE(into_batch({"a", 20, 30, 30, 50}, placement, batch, moved));
  EXPECT_DOUBLE_EQ(moved.x0, 4 + 80 - 40);
  EXPECT_DOUBLE_EQ(moved.x1, 4 + 80 - 20);
  EXPECT_DOUBLE_EQ(moved.y0, 12);
  EXPECT_DOUBLE_EQ(moved.y1, 32);
  const auto back = to_source(moved, placement, source);
  EXPECT_DOUBLE_EQ(back.x0, 20);
  EXPECT_DOUBLE_EQ(back.x1, 30);
  EXPECT_DOUBLE_EQ(back.y0, 30);
  EXPECT_DOUBLE_EQ(back.y1, 50);
  ASSERT_TRUE(into_batch({"a", 5, 30, 15, 50}, placement, batch, moved)) << "half of it is left";
  EXPECT_DOUBLE_EQ(moved.x0, 74);
  EXPECT_DOUBLE_EQ(moved.x1, 84);
  auto upside_down = placement;
  upside_down.flip_vertical = true;
  ASSERT_TRUE(into_batch({"a", 20, 25, 30, 40}, upside_down, batch, moved));
  EXPECT_DOUBLE_EQ(moved.y0, 2 + 40 - 20);
  EXPECT_DOUBLE_EQ(moved.y1, 2 + 40 - 5);
  const auto again = to_source(moved, upside_down, source);
  EXPECT_DOUBLE_EQ(again.y0, 25);
  EXPECT_DOUBLE_EQ(again.y1, 40);
  EXPECT_FALSE(into_batch({"a", 0, 30, 12, 50}, placement, batch, moved)) << "a sixth is left";
  EXPECT_FALSE(into_batch({"a", 60, 30, 70, 50}, placement, batch, moved));
}

/// Values of the pixels a distance around a rectangle, as far as they lie in the placement; NaN where there are too few.
double mean_around(const at::Tensor& image, const Rectangle& box, const data::Placement& placed,
                   int64_t distance) {
  const auto left = int64_t(std::floor(box.x0)) - distance,
             right = int64_t(std::ceil(box.x1)) - 1 + distance;
  const auto top = int64_t(std::floor(box.y0)) - distance,
             bottom = int64_t(std::ceil(box.y1)) - 1 + distance;
  double sum = 0;
  int64_t count = 0;
  for (int64_t r = std::max(top, placed.top); r <= std::min(bottom, placed.top + placed.height - 1);
       ++r)
    for (int64_t c = std::max(left, placed.left);
         c <= std::min(right, placed.left + placed.width - 1); ++c)
      if (r == top || r == bottom || c == left || c == right)
        sum += image[r][c].item<double>(), ++count;
  return count >= 8 ? sum / double(count) : NAN;
}

/// Boxes of random changes: bright within, dark around. Returns how many were looked at.
class MovedBoxes : public BoxesCell {
 protected:
  int64_t expect_agreement(const std::string& augment, size_t least_parts) const {
    auto wanted = recipe(kDense, {"input.augment=" + augment,
                                  "input.normalize={ mean = [0], std = [0.00392156862745098] }"});
    auto& input = *wanted.inputs.front();
    const Source source{"train", {path("train.jsonl")}, data::open_records({path("train.jsonl")})};
    const auto split = input.open(source);
    input.learn(*split, 0);
    auto& head = *wanted.heads.front();
    head.learn(*split, input);
    int64_t seen = 0;
    size_t parts = 0;
    for (int64_t epoch = 0; epoch < 8; ++epoch) {
      const Draw draw{3, epoch, true};
      for (int64_t i = 0; i < split->size(); ++i) {
        const auto image = split->batch({i}, draw).at("image")[0][0];
        const auto layout = split->placements(i, draw);
        parts = std::max(parts, layout.size());
        for (const auto& placed : layout) {
          const auto square = boxes_of(*split, placed.example, "boxes").front();
          Rectangle box;
          if (!into_batch(square, placed, {1, 24, 32}, box)) continue;
          // Smaller ones have no pixel that is theirs alone.
          if (std::min(box.x1 - box.x0, box.y1 - box.y0) < 3.5) continue;
          const auto r = int64_t((box.y0 + box.y1) / 2), c = int64_t((box.x0 + box.x1) / 2);
          EXPECT_GT(image[r][c].item<double>(), 200) << "epoch " << epoch << " example " << i;
          const double around = mean_around(image, box, placed, 2);
          if (!std::isnan(around)) {
            EXPECT_LT(around, 120) << "epoch " << epoch << " example " << i;
          }
          ++seen;
        }
      }
    }
    EXPECT_GE(parts, least_parts);
    return seen;
  }
};

TEST_F(MovedBoxes, LieWhereTheirPixelsDo) {
  write_set("train", 8, 1), write_set("valid", 2, 2);
  EXPECT_GT(expect_agreement("{ crop = 0.5, flip = true, flip_vertical = true, shift = 3 }", 1),
            30);
}

TEST_F(MovedBoxes, OfAMosaicLieInTheirParts) {
  write_set("train", 8, 1), write_set("valid", 2, 2);
  EXPECT_GT(expect_agreement("{ mosaic = 1, crop = 0.6, flip = true, flip_vertical = true }", 4),
            60);
  EXPECT_GT(expect_agreement("{ mosaic = 0.5 }", 4), 40);
}

TEST_F(MovedBoxes, OfAMosaicOfOneImageDo) {
  write_set("train", 1, 1), write_set("valid", 2, 2);
  EXPECT_GT(expect_agreement("{ mosaic = 1 }", 4), 4);
}

TEST(QueryBoxes, KnowWhichQuerySaysABox) {
  const auto decoder =
      make_query_boxes({.width = 8, .kinds = 2, .image_height = 10, .image_width = 20},
                       {.queries = 3, .layers = 1, .attention = {}, .cross = {}});
  // Logits of two classes and of none, then middle and sides.
  const auto output = at::tensor({0., 1., 0., .5, .5, .2, .4,  //
                                  9., 0., 0., .5, .5, .5, .5,  //
                                  0., 5., 0., .1, .5, .2, .2})
                          .view({1, 3, 7});
  const auto found = decoder->decode(output, 0.1, 5).front();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].place, 1);
  EXPECT_EQ(found[0].kind, 0);
  EXPECT_NEAR(found[0].box.x0, 5, 1e-5);
  EXPECT_NEAR(found[0].box.y1, 7.5, 1e-5);
  EXPECT_EQ(found[1].place, 2);
  EXPECT_EQ(found[1].kind, 1);
  EXPECT_NEAR(decoder->probabilities(output)[0][2][1].item<double>(), found[1].score, 1e-6);
  EXPECT_EQ(found[2].place, 0);
}

/// What a diverged run ends with is said by training, of its loss.
TEST(QueryBoxes, GiveALossThatIsNoNumberWhereTheTokensAreNone) {
  const auto decoder =
      make_query_boxes({.width = 8, .kinds = 1, .image_height = 10, .image_width = 10},
                       {.queries = 3, .layers = 1, .attention = {}, .cross = {}});
  const Tokens tokens{.states = at::full({1, 4, 8}, NAN),
                      .grid = TokenGrid{.rows = 2, .columns = 2}};
  const BoxTargets targets{at::zeros({1}, at::kLong), at::zeros({1}, at::kLong),
                           at::zeros({1}, at::kBool),
                           at::tensor({1.f, 1.f, 5.f, 5.f}).view({1, 4})};
  EXPECT_TRUE(std::isnan(decoder->loss(tokens, targets).item<double>()));
}

TEST_F(BoxesCell, RefusesBoxesThatCannotBe) {
  write_set("train", 4, 1), write_set("valid", 2, 2);
  const auto with = [&](const std::string& box) {
    test::write_bytes(
        folder_ / "train.jsonl",
        "{\"image\": \"train0.png\", \"boxes\": [\"square 1 2 9 9\", \"" + box + "\"]}\n");
    return refusal(recipe(kDense, {"data.valid=[]", "head.classes=['square']"}));
  };
  EXPECT_THAT(with("square 1 2 33 9"),
              AllOf(HasSubstr("train.jsonl:1: column 'boxes'"), HasSubstr("outside of the image")));
  EXPECT_THAT(with("square 4 2 4 9"), AllOf(HasSubstr("train.jsonl:1"), HasSubstr("no area")));
  EXPECT_THAT(with("squre 1 2 9 9"), AllOf(HasSubstr("the class 'squre'"), HasSubstr("square"),
                                           HasSubstr("head.classes")));
  EXPECT_THAT(with("square 1 2 9"), HasSubstr("expected \"class x0 y0 x1 y1\""));
  test::write_bytes(folder_ / "train.jsonl", "{\"image\": \"train0.png\", \"boxes\": []}\n");
  EXPECT_THAT(refusal(recipe(kDense, {"data.valid=[]"})), HasSubstr("has no box"));
}

TEST_F(BoxesCell, ImagesWithoutBoxesAndCrowdsTeachWhatIsNone) {
  write_set("train", 4, 1), write_set("valid", 2, 2);
  test::write_bytes(
      folder_ / "train.jsonl",
      "{\"image\": \"train0.png\", \"boxes\": []}\n{\"image\": \"train1.png\", \"boxes\": [\"a 0 0 "
      "9 9 crowd\"]}\n"
      "{\"image\": \"train2.png\", \"boxes\": [\"a 0 0 9 9\", \"a 3 0 30 20 crowd\"]}\n");
  for (const auto* head : {kDense, kQueries}) {
    const auto result = run(recipe(head, {"data.valid=[]", "data.holdout=0", "train.epochs=2",
                                          "train.schedule.warmup=0"}),
                            head == kDense ? "d" : "q");
    EXPECT_EQ(result.steps, 2);
  }
}

}  // namespace
}  // namespace heed
