// Clips to classes as a user of the grid meets them.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/video_samples.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/robustness.h"
#include "learning.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kFrameSide = 16, kFrames = 6;

/// Clips that grow brighter or darker, by the same frames in another order: no frame tells which, nor does the mean of them.
class VideoCell : public test::CellRuns {
 protected:
  void write_clips(int64_t count) const {
    std::string list = "video,way\n";
    for (int64_t i = 0; i < count; ++i) {
      const bool darker = i / 4 % 2;  // so that each fold has both
      const auto name = "clip" + std::to_string(i);
      fs::create_directories(folder_ / name);
      for (int64_t t = 0; t < kFrames; ++t) {
        const int64_t step = darker ? kFrames - 1 - t : t;
        test::Bytes values(kFrameSide * kFrameSide,
                           static_cast<uint8_t>(20 + 7 * (i / 8 + i % 4 * 2) + 18 * step));
        values[static_cast<size_t>(i)] = 5;
        const auto bytes = test::png({kFrameSide, kFrameSide, 0, 8, values});
        test::write_bytes(folder_ / name / (std::to_string(t) + ".png"),
                          {bytes.begin(), bytes.end()});
      }
      list += name + (darker ? ",darker\n" : ",brighter\n");
    }
    test::write_bytes(folder_ / "clips.csv", list);
  }

  Recipe recipe(const std::vector<std::string>& more = {}) const {
    auto file =
        RecipeFile::parse("data = { folds = 4, train = '" + path("clips.csv") + "' }\n" + R"(
input = { kind = 'video', frames = 4 }
encoder = { kind = 'video', patch = 8, width = 16, layers = 1, time_layers = 1 }
head = { kind = 'class', column = 'way' }
train = { epochs = 2, batch = 8, optimizer = { lr = 3e-3 } }
)",
                          "recipe.toml");
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
};

TEST_F(VideoCell, LearnsWhatOnlyTimeTells) {
  write_clips(64);
  const auto seed = test::learning_seed(4);
  const auto run_of = [&](const std::string& name, const std::vector<std::string>& more) {
    auto all = more;
    all.insert(all.end(), {"seed=" + std::to_string(seed), "train.epochs=80",
                           "train.schedule={ kind = 'cosine', warmup = 10 }"});
    run(recipe(all), name);
    auto predictor = Predictor::load(folder_ / name);
    return metric(predictor.evaluate().metrics, "accuracy");
  };
  test::expect_learned(
      "video.accuracy",
      run_of("run", {"encoder.time_attention={ position = 'sinusoidal', num_heads = 4 }"}), 0.65);
  const double blind =
      run_of("blind", {"encoder.time_attention={ position = 'none', num_heads = 4 }"});
  EXPECT_LT(blind, 0.9) << "without the frames' order there is nothing to learn";
}

TEST_F(VideoCell, ReadsAClipAsTrainingDoes) {
  write_clips(8);
  run(recipe({"input.size=[16,24]", "input.channels=3"}), "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto one = predictor.stream({path("clip3")})->next(1)->batch({0}, {}).at("video");
  ASSERT_EQ(one.sizes(), (std::vector<int64_t>{1, 4, 3, 16, 24}));
  const auto named = predictor.find(path("clips.csv") + ":5")->batch({0}, {}).at("video");
  EXPECT_TRUE(one.equal(named));
  const auto answer =
      nlohmann::json::parse(predictor.predict(predictor.find(path("clip3")))[0][0].json);
  EXPECT_EQ(answer["top"].size(), 2u);
}

TEST_F(VideoCell, ChangesAllFramesOfAClipAlike) {
  write_clips(4);
  // A clip that stands still stays so, however it is cut, mirrored, coloured and moved.
  for (int64_t t = 0; t < kFrames; ++t)
    fs::copy_file(folder_ / "clip1/0.png", folder_ / ("clip0/" + std::to_string(t) + ".png"),
                  fs::copy_options::overwrite_existing);
  const std::string augment =
      "input.augment={ flip = true, crop = 0.4, shift = 3, brightness = 0.5, contrast = 0.5, erase "
      "= 1.0 }";
  auto wanted = recipe({augment, "data.folds=0", "input.normalize={ mean = [0.5], std = [0.5] }"});
  auto& input = *wanted.inputs.front().get();
  const auto split =
      input.open({"train", {path("clips.csv")}, data::open_records({path("clips.csv")})});
  input.learn(*split, 1);
  std::set<double> sums;
  for (int64_t epoch = 0; epoch < 6; ++epoch) {
    const auto video =
        split->batch({0}, {.seed = 3, .epoch = epoch, .training = true}).at("video")[0];
    for (int64_t t = 1; t < 4; ++t) EXPECT_TRUE(video[t].equal(video[0])) << t;
    sums.insert(video.sum().item<double>());
  }
  EXPECT_GT(sums.size(), 4u);
  const auto moving = split->batch({2}, {.seed = 3, .epoch = 1, .training = true}).at("video")[0];
  EXPECT_FALSE(moving[1].equal(moving[0]));
}

TEST_F(VideoCell, GoesOnWithTheSameBits) {
  write_clips(16);
  expect_resume(
      [&] {
        return recipe({"input.augment={ flip = true, crop = 0.5 }", "train.keep_checkpoints=9"});
      },
      2, 4);
}

TEST_F(VideoCell, IsSeenFrameByFrame) {
  write_clips(8);
  run(recipe({"head.pool={ kind = 'attention' }"}), "run");
  auto predictor = Predictor::load(folder_ / "run");
  const auto seen = predictor.explain(predictor.find(path("clip2")));
  ASSERT_TRUE(seen.grid && seen.shown.image);
  EXPECT_EQ(seen.grid->frames, 4);
  EXPECT_EQ(seen.shown.image->shape, (ImageShape{1, 16, 64}));
  ASSERT_EQ(seen.shown.tokens.size(), 4u);
  EXPECT_EQ(seen.shown.tokens[1].text, "frame 2");  // of parts 0, 1-2, 3, 4-5
}

TEST_F(VideoCell, CanBeMeasuredWithNoise) {
  write_clips(8);
  const auto split = [&] {
    auto wanted = recipe({"input.normalize={ mean = [0.5], std = [0.5] }"});
    auto& input = *wanted.inputs.front().get();
    auto opened =
        input.open({"train", {path("clips.csv")}, data::open_records({path("clips.csv")})});
    input.learn(*opened, 1);
    return opened;
  }();
  const auto clean = split->batch({1}, {}).at("video");
  for (const char* kind : {"gaussian_noise", "blur", "occlusion"}) {
    const auto noisy = split->with_noise(kind, 0.3, 5);
    ASSERT_TRUE(noisy) << kind;
    const auto video = noisy->batch({1}, {}).at("video");
    EXPECT_FALSE(video.equal(clean)) << kind;
    EXPECT_TRUE(video.equal(split->with_noise(kind, 0.3, 5)->batch({1}, {}).at("video"))) << kind;
  }
  EXPECT_FALSE(split->with_noise("typos", 0.3, 5));
}

TEST_F(VideoCell, RefusesWhatDoesNotFit) {
  write_clips(8);
  const auto said = [&](const std::vector<std::string>& more) {
    try {
      run(recipe(more), "refused");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(said({"input.fit='native'", "input.size=[8,8]"}), HasSubstr("fit"));
  EXPECT_THAT(said({"input.augment={ mosaic = 0.5 }"}), HasSubstr("mosaic"));
  EXPECT_THAT(said({"input.frames=7"}),
              AllOf(HasSubstr("clips.csv:3: video: "), HasSubstr("6 frames, and 7 are needed")));
  EXPECT_THAT(said({"encoder.tubelet=3"}), HasSubstr("encoder.tubelet"));
  EXPECT_THAT(said({"encoder={ kind = 'image' }"}), HasSubstr("the encoder 'image' reads 'image'"));
}

TEST_F(VideoCell, IsExamined) {
  write_clips(4);
  auto cut = test::read_bytes(folder_ / "clip1/2.png");
  test::write_bytes(folder_ / "clip1/2.png", cut.substr(0, cut.size() - 30));
  auto wanted = recipe();
  auto& input = *wanted.inputs.front().get();
  const auto report =
      input.examine({"train", {path("clips.csv")}, data::open_records({path("clips.csv")})});
  EXPECT_EQ(report.records, 3);
  ASSERT_EQ(report.problem_count, 1);
  EXPECT_THAT(report.problems.at(0), AllOf(HasSubstr("clips.csv:3: video: "), HasSubstr("2.png")));
  EXPECT_THAT(report.lines.at(0), HasSubstr("3 clips of 6 to 6 frames"));
}

}  // namespace
}  // namespace heed
