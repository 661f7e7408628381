// Recordings to classes and to texts: small sets are learned, and a saved model answers as the trained one did.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/feature_bytes.h"
#include "heed/data/feature_file.h"
#include "heed/tasks/check.h"
#include "heed/tasks/predictor.h"
#include "learning.h"
#include "sounds.h"
#include "tasks/cell.h"
#include "tasks/cell_runs.h"

namespace heed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Tones that are low or high, a second at 2000 samples a second, of a height and pitch of their own.
class AudioCell : public test::CellRuns {
 protected:
  AudioCell() {
    std::filesystem::create_directory(folder_ / "sounds");
    for (const char* part : {"train", "test"}) {
      std::string list = "audio,pitch,text\n";
      for (int i = 0; i < 24; ++i) {
        const bool high = i % 2 == 1;
        const auto name = std::string(part) + std::to_string(i) + ".wav";
        const double shift = part[1] == 'r' ? 0 : 4;
        const auto samples =
            test::tone((high ? 600 : 150) + 6 * i + shift, 0.6 + 0.015 * i, 2000, 0.2 + 0.02 * i);
        test::write_bytes(folder_ / "sounds" / name, test::float_wav(samples, 2000));
        list += name + (high ? ",high,it is high\n" : ",low,a low tone\n");
      }
      test::write_bytes(folder_ / "sounds" / (std::string(part) + ".csv"), list);
    }
  }

  Recipe recipe(const std::string& head, const std::vector<std::string>& more = {}) const {
    auto file = RecipeFile::parse("[data]\ntrain = '" + path("sounds/train.csv") + "'\ntest = '" +
                                      path("sounds/test.csv") + "'\n" + R"(
[input]
kind = "audio"
log_mel = { sampling_rate = 2000, window = 64, hop = 40, mels = 12, seconds = 1 }
[encoder]
width = 16
layers = 1
dropout = 0.0
attention = { position = "learned", num_heads = 2 }
)" + head,
                                  "recipe.toml");
    file.set("seed=" + std::to_string(test::learning_seed(3)));
    for (const auto& assignment : more) file.set(assignment);
    return Recipe::read(file);
  }
  Recipe classes() const {
    return recipe(R"(
[head]
kind = "class"
column = "pitch"
[train]
epochs = 20
batch = 8
optimizer = { lr = 0.01 }
)");
  }
  Recipe texts(const std::vector<std::string>& more = {}) const {
    return recipe(R"(
[head]
kind = "text"
encoder_layers = 0
from_encoder = true
decoder_layers = 1
width = 16
hidden = 32
dropout = 0.0
decoder_attention = { position = "sinusoidal", num_heads = 2 }
cross_attention = { num_heads = 2 }
tokenizer = { kind = "words", size = 20 }
generate = { max_length = 8 }
metric = { kind = "exact" }
[train]
epochs = 60
batch = 8
optimizer = { lr = 0.01 }
)",
                  more);
  }
};

TEST_F(AudioCell, LearnsClasses) {
  const auto result = run(classes(), "classes");
  test::expect_learned("accuracy of pitches", metric(*result.test, "accuracy"), 0.75);
  auto predictor = Predictor::load(folder_ / "classes");
  const auto found = predictor.predict(
      predictor.stream({path("sounds/test3.wav"), path("sounds/test4.wav")})->next(8));
  ASSERT_EQ(found.size(), 2u);
  // The louder the noise, the larger the loss; each strength by the seed alone.
  const auto worse = predictor.robustness();
  std::vector<double> losses;
  for (const auto& row : worse.rows) losses.push_back(metric(row.metrics, "loss"));
  ASSERT_EQ(losses.size(), 5u);
  EXPECT_EQ(worse.rows[1].kind, "white_noise");
  EXPECT_EQ(worse.rows[4].strength, 0);
  EXPECT_GT(losses[4], losses[0]);
  EXPECT_NE(losses[1], losses[0]);
  EXPECT_EQ(predictor.robustness().json(), worse.json());
  // Behind the sounds a file of noise: high tones, which are no longer to be told from low ones.
  test::write_bytes(folder_ / "hum.wav", test::float_wav(test::tone(640, 3, 2000), 2000));
  const auto behind = predictor.robustness({}, 1, (folder_ / "hum.wav").string());
  ASSERT_EQ(behind.rows.size(), 9u);
  EXPECT_EQ(behind.rows[5].kind, "background");
  EXPECT_EQ(behind.rows[5].strength, 20);
  EXPECT_GT(metric(behind.rows[8].metrics, "loss"), losses[0] + 0.1);
  EXPECT_NE(metric(behind.rows[8].metrics, "loss"), losses[4]);
  // No number of decibels is no noise, so what is drawn begins with the mildest.
  const auto plots = behind.plots();
  ASSERT_EQ(plots.size(), 2u);
  ASSERT_EQ(plots[1].curves.size(), 2u);
  EXPECT_EQ(plots[1].curves[0].x, (std::vector<double>{20, 10, 5, 0}));
  EXPECT_EQ(plots[1].curves[1].y,
            std::vector<double>(4, metric(behind.rows[0].metrics, behind.metric)));
}

/// What training would stop at is wrong for `heed check`, too; what becomes too short by a change of its speed is filled.
TEST_F(AudioCell, RecordingsOfTooFewSamplesAreRefused) {
  test::write_bytes(folder_ / "sounds/few.csv", "audio,pitch\nshort.wav,low\ntrain1.wav,high\n");
  const auto made = [&](double seconds) {
    test::write_bytes(folder_ / "sounds/short.wav",
                      test::float_wav(test::tone(99, seconds, 2000), 2000));
    return Recipe::read(RecipeFile::parse("[data]\ntrain = '" + path("sounds/few.csv") + "'\n" + R"(
[input]
kind = "audio"
features = "fbank"
front_end = { preset = "kaldi", sampling_rate = 2000, mels = 8 }
augment = { speed = 0.5 }
[encoder]
width = 8
layers = 1
attention = { num_heads = 2 }
[head]
kind = "class"
column = "pitch"
[train]
epochs = 20
batch = 2
)",
                                          "recipe.toml"));
  };
  auto few = made(0.0245);  // 49 samples
  const auto found = examine(few);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].problems, testing::ElementsAre(AllOf(HasSubstr("short.wav"),
                                                            HasSubstr("at least 50 samples"))));
  run(made(0.025), "few");
}

/// A recording loses its means, then deltas are made of it; a band and its deltas are masked together.
TEST_F(AudioCell, FeaturesAreChangedInTheirOrder) {
  std::vector<double> numbers;
  for (int i = 0; i < 36; ++i) numbers.push_back(3 + i % 5 * std::sin(i));
  test::write_bytes(folder_ / "sounds/a.mfc", test::sphinx_bytes(numbers, true));
  test::write_bytes(folder_ / "sounds/a.csv", "audio,pitch\na.mfc,low\n");
  Cell cell(Recipe::read(RecipeFile::parse("[data]\ntrain = '" + path("sounds/a.csv") + "'\n" + R"(
[input]
kind = "audio"
features = "file"
file = { coefficients = 3 }
normalize_recording = "mean_and_std"
deltas = 1
spec_augment = { band_masks = 1, band_mask = 1 }
[head]
kind = "class"
column = "pitch"
)",
                                           "recipe.toml")));
  const auto split = cell.open(cell.source("train", cell.recipe.data.train));
  auto expected = data::read_feature_file(folder_ / "sounds/a.mfc", {.coefficients = 3});
  data::normalize_recording(expected, data::RecordingNormalization::mean_and_std);
  expected = data::with_deltas(std::move(expected), 1);
  const auto found = split->batch({0}, {}).at("audio")[0];  // (6, 12)
  for (int64_t c = 0; c < 6; ++c)
    for (int64_t t = 0; t < 12; ++t)
      ASSERT_EQ(found[c][t].item<float>(), expected.at(c, t)) << c << ' ' << t;
  int masked = 0;
  for (int64_t epoch = 0; epoch < 10; ++epoch) {
    const auto changed = split->batch({0}, {1, epoch, true}).at("audio")[0];
    for (int64_t c = 0; c < 3; ++c) {
      const bool band = !changed[c].equal(found[c]),
                 its_deltas = !changed[c + 3].equal(found[c + 3]);
      EXPECT_EQ(band, its_deltas) << epoch;
      masked += band;
    }
  }
  EXPECT_GT(masked, 0);
}

/// Of two channels one is a high tone, the other a low one.
TEST_F(AudioCell, ReadsTheChannelThatIsNamed) {
  auto short_run = classes();
  short_run.train.epochs = 1;
  run(std::move(short_run), "one");
  const auto high = test::tone(700, 0.5, 2000), low = test::tone(100, 0.5, 2000);
  std::vector<float> both;
  for (size_t i = 0; i < high.size(); ++i) both.insert(both.end(), {high[i], low[i]});
  test::write_bytes(folder_ / "both.wav", test::float_wav(both, 2000, 2));
  test::write_bytes(folder_ / "high.wav", test::float_wav(high, 2000));
  test::write_bytes(folder_ / "low.wav", test::float_wav(low, 2000));
  const auto answer = [&](const std::string& name, const std::vector<std::string>& set) {
    auto predictor = Predictor::load(folder_ / "one", set);
    return predictor.predict(predictor.find((folder_ / name).string()))[0][0].json;
  };
  EXPECT_EQ(answer("both.wav", {"input.channel=1"}), answer("high.wav", {}));
  EXPECT_EQ(answer("both.wav", {"input.channel=2"}), answer("low.wav", {}));
  EXPECT_NE(answer("both.wav", {}), answer("low.wav", {}));
}

/// Features that a file holds, as many frames as the recording has: numbers rise along the frames, or fall.
TEST_F(AudioCell, LearnsFromCepstraOfChangedRecordings) {
  auto file = RecipeFile::parse("[data]\ntrain = '" + path("sounds/train.csv") + "'\ntest = '" +
                                    path("sounds/test.csv") + "'\n" + R"(
[input]
kind = "audio"
features = "mfcc"
front_end = { preset = "kaldi", sampling_rate = 2000, mels = 12, cepstra = 8 }
normalize_recording = "none"
standardize = true
augment = { speed = 0.02, shift = 0.1, noise = 0.5 }
spec_augment = { time_masks = 1, time_mask = 10, band_masks = 1, band_mask = 2 }
[encoder]
stem = "linear"
patch = 4
class_token = true
width = 16
layers = 1
dropout = 0.0
attention = { position = "sinusoidal", num_heads = 2 }
[head]
kind = "class"
column = "pitch"
pool = { kind = "first" }
[train]
epochs = 20
batch = 8
optimizer = { lr = 0.01 }
)",
                                "recipe.toml");
  file.set("seed=" + std::to_string(test::learning_seed(3)));
  const auto result = run(Recipe::read(file), "mfcc");
  test::expect_learned("accuracy of pitches by cepstra", metric(*result.test, "accuracy"), 0.75);
  auto predictor = Predictor::load(folder_ / "mfcc");
  const auto shown = predictor.explain(predictor.find(path("sounds/test1.wav")), "").shown;
  ASSERT_GT(shown.tokens.size(), 2u);
  EXPECT_TRUE(shown.tokens[0].special);
  EXPECT_DOUBLE_EQ(shown.tokens[2].seconds, 0.04);
}

TEST_F(AudioCell, LearnsFromFilesOfFeatures) {
  for (const char* part : {"train", "test"}) {
    std::string list = "audio,pitch\n";
    for (int i = 0; i < 24; ++i) {
      const bool rises = i % 2 == 1;
      const int frames = 5 + 3 * i % 11;
      std::vector<double> numbers;
      for (int t = 0; t < frames; ++t)
        for (int c = 0; c < 3; ++c)
          numbers.push_back(100 + 7 * c + (rises ? t : -t) + 0.1 * i + (part[1] == 'r' ? 0 : 0.05));
      const auto name = std::string(part) + std::to_string(i) + (i % 3 == 0 ? ".npy" : ".mfc");
      test::write_bytes(folder_ / "sounds" / name,
                        i % 3 == 0 ? test::npy_array({size_t(frames), 3}, numbers)
                                   : test::sphinx_bytes(numbers, i % 3 == 1));
      list += name + (rises ? ",rises\n" : ",falls\n");
    }
    test::write_bytes(folder_ / "sounds" / (std::string(part) + ".csv"), list);
  }
  auto file = RecipeFile::parse("[data]\ntrain = '" + path("sounds/train.csv") + "'\ntest = '" +
                                    path("sounds/test.csv") + "'\n" + R"(
[input]
kind = "audio"
features = "file"
file = { coefficients = 3 }
normalize_recording = "mean"
deltas = 1
standardize = true
[encoder]
width = 16
layers = 1
dropout = 0.0
attention = { position = "sinusoidal", num_heads = 2 }
[head]
kind = "class"
column = "pitch"
[train]
epochs = 15
batch = 8
optimizer = { lr = 0.01 }
)",
                                "recipe.toml");
  file.set("seed=" + std::to_string(test::learning_seed(3)));
  const auto result = run(Recipe::read(file), "files");
  test::expect_learned("accuracy of rising features", metric(*result.test, "accuracy"), 0.75);
  auto predictor = Predictor::load(folder_ / "files");
  const auto example = predictor.find(path("sounds/test1.mfc"));
  const auto shown = predictor.explain(example, "").shown;
  ASSERT_EQ(shown.tokens.size(), 4u);  // of 8 frames
  EXPECT_DOUBLE_EQ(shown.tokens[3].seconds, 0.06);
  test::write_bytes(folder_ / "sounds/bad.mfc", "\x7f\x01\x02\x03\x04");
  EXPECT_THROW(predictor.find(path("sounds/bad.mfc")), DataError);
  // `heed summary` runs an example: of three seconds, and of one frame to some thousands.
  for (const char* rate : {"0.01", "1e6"})
    Predictor::load(folder_ / "files", {std::string("input.file.frames_per_second=") + rate})
        .run_example();
}

TEST_F(AudioCell, LearnsTextsFromWhatAnEncoderGives) {
  const auto result = run(texts(), "texts");
  test::expect_learned("exact texts of pitches", metric(*result.test, "exact"), 0.75);
  EXPECT_EQ(metric(*result.test, "baseline_exact"), 0.5) << "either of two texts, each of half";
  auto predictor = Predictor::load(folder_ / "texts");
  const auto again = predictor.evaluate({path("sounds/test.csv")});
  EXPECT_EQ(metric(again.metrics, "exact"), metric(*result.test, "exact"));
  EXPECT_EQ(metric(again.metrics, "loss"), metric(*result.test, "loss"));
  // One at a time and together.
  const std::vector<std::string> files = {path("sounds/test2.wav"), path("sounds/test5.wav"),
                                          path("sounds/test6.wav")};
  const auto together = predictor.predict(predictor.stream(files)->next(8));
  for (size_t i = 0; i < files.size(); ++i)
    EXPECT_EQ(predictor.predict(predictor.stream({files[i]})->next(1))[0][0].text,
              together[i][0].text);
}

TEST_F(AudioCell, GoesOnWithTheSameBits) {
  expect_resume(
      [this] {
        return texts({"train.epochs=2", "train.save_every=3", "train.keep_checkpoints=9"});
      },
      3, 6);
}

TEST_F(AudioCell, WhatDoesNotFitIsRefused) {
  const auto complaint = [](const std::function<Recipe()>& made) -> std::string {
    try {
      make_task(made());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const auto refused = [&](const std::vector<std::string>& more) {
    return complaint([&] { return texts(more); });
  };
  EXPECT_THAT(refused({"head.width=8"}),
              AllOf(HasSubstr("head.width"), HasSubstr("16"), HasSubstr("8")));
  EXPECT_THAT(refused({"input.column=sound"}), HasSubstr("'sound'"));
  EXPECT_THAT(refused({"head.column=txt"}), HasSubstr("'txt'"));
  EXPECT_THAT(refused({"input.log_mel.mels=40"}), HasSubstr("log_mel.mels"));
  EXPECT_THAT(refused({"input.log_mel.seconds=0"}), HasSubstr("learned"));
  EXPECT_THAT(refused({"input.log_mel.hop=4000"}), HasSubstr("log_mel.hop"));
  const auto with = [&](const std::string& rest) {
    return complaint([&] {
      return Recipe::read(RecipeFile::parse("data = { train = '" + path("sounds/train.csv") +
                                                "' }\ninput = { kind = 'audio' }\n" + rest,
                                            "recipe.toml"));
    });
  };
  EXPECT_THAT(with("head = { kind = 'text' }\n"), HasSubstr("encoder.kind"));
  EXPECT_THAT(with("encoder = { kind = 'none' }\nhead = { kind = 'text', encoder_layers = 0, "
                   "from_encoder = true, tokenizer = { kind = 'words' } }\n"),
              HasSubstr("head.from_encoder"));
  test::write_bytes(folder_ / "sounds/train.csv",
                    "audio,pitch,text\ntrain0.wav,low,a low tone\ntrain1.wav,high,\n");
  EXPECT_THAT(refused({}),
              AllOf(HasSubstr("train.csv:3"), HasSubstr("'text'"), HasSubstr("empty")));
}

}  // namespace
}  // namespace heed
