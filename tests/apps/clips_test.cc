// Clips through the program: trained on folders of frames, measured, answered, drawn, and refused with exit code 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "data/video_samples.h"
#include "files.h"

namespace heed {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::run;
using testing::AllOf;
using testing::HasSubstr;

/// Clips of eight frames of 8 x 12 pixels that grow brighter or darker.
void write_clips(const fs::path& folder) {
  std::string list = "video,way\n";
  for (int i = 0; i < 24; ++i) {
    const auto name = "clip" + std::to_string(i);
    fs::create_directories(folder / name);
    for (int t = 0; t < 8; ++t) {
      const int value = 40 + 3 * i + 12 * (i % 2 ? 7 - t : t);
      const auto bytes = test::plain_png({1, 8, 12}, static_cast<uint8_t>(value));
      test::write_bytes(folder / name / (std::to_string(t) + ".png"), {bytes.begin(), bytes.end()});
    }
    list += name + (i % 2 ? ",darker\n" : ",brighter\n");
  }
  test::write_bytes(folder / "clips.csv", list);
}

class Clips : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    trained_ = test::train_once("clips", [](const fs::path& folder) {
      write_clips(folder);
      test::write_bytes(
          folder / "small.toml",
          "data = { train = '" + (folder / "clips.csv").string() + "', folds = 4 }\n" + R"(seed = 1
[input]
kind = "video"
frames = 4
channels = 3
size = [8, 12]
[encoder]
kind = "video"
patch = 4
width = 8
layers = 1
attention = { num_heads = 2 }
time_attention = { num_heads = 2 }
[head]
kind = "class"
column = "way"
pool = { kind = "attention" }
[train]
epochs = 2
batch = 8
)");
    });
  }

  /// What predict says to the clip by itself, and to a record that names it behind a good one.
  void expect_refused(const std::string& name, const std::string& why, int code = 3) const {
    const auto clip = (folder_ / name).string();
    const auto alone = run({"predict", trained_.model, clip});
    EXPECT_EQ(alone.code, code) << alone.err;
    EXPECT_THAT(alone.err, AllOf(HasSubstr(name), HasSubstr(why)));
    test::write_bytes(folder_ / "list.csv",
                      "video,way\n" + trained_.file("clip0") + ",brighter\n" + name + ",darker\n");
    const auto list = (folder_ / "list.csv").string();
    const auto measured = run({"eval", trained_.model, "--data", list});
    EXPECT_EQ(measured.code, code) << measured.err;
    if (code == 3) {
      EXPECT_THAT(measured.err, AllOf(HasSubstr("list.csv:3: video: "), HasSubstr(why)));
    }
  }

  static inline test::Trained trained_;
  test::TemporaryFolder folder_;
};

TEST_F(Clips, GoThroughEveryVerb) {
  EXPECT_EQ(json::parse(trained_.out)["test_accuracy"].is_number(), true) << trained_.out;
  const auto checked = run({"check", trained_.recipe});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, HasSubstr("24 clips of 8 to 8 frames, read as 3 x 8 x 12"));
  EXPECT_EQ(run({"eval", trained_.model}).code, 0);
  const auto answered = run(
      {"predict", trained_.model, trained_.file("clip3"), trained_.file("clips.csv"), "--json"});
  EXPECT_EQ(answered.code, 0) << answered.err;
  EXPECT_EQ(std::count(answered.out.begin(), answered.out.end(), '\n'), 25);
  const auto summed = run({"summary", trained_.model});
  EXPECT_EQ(summed.code, 0) << summed.err;
  EXPECT_THAT(summed.out, HasSubstr("encoder.space.stem.linear"));
  const auto noisy = run({"eval", trained_.model, "--noise", "--json"});
  EXPECT_EQ(noisy.code, 0) << noisy.err;
}

TEST_F(Clips, AreMappedFrameByFrame) {
  const auto png = (folder_ / "map.png").string();
  const auto mapped = run({"map", trained_.model, trained_.file("clip3"), "--png", png, "--json"});
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  EXPECT_EQ(test::read_bytes(png).substr(1, 3), "PNG");
  const auto said = json::parse(mapped.out);
  EXPECT_EQ(said["grid"]["frames"], 4);
  std::vector<std::string> layers;
  for (const auto& map : said["maps"]) layers.push_back(map["title"]);
  EXPECT_THAT(layers, testing::IsSupersetOf({"space 1", "time 1", "pooling"}));
  const auto shown = run({"map", trained_.model, trained_.file("clip3"), "--layer", "time 1"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("each frame from all frames"));
}

TEST_F(Clips, AreExplainedFrameByFrame) {
  const auto png = (folder_ / "explained.png").string();
  const auto explained = run(
      {"explain", trained_.model, trained_.file("clip3"), "--no-tests", "--png", png, "--json"});
  ASSERT_EQ(explained.code, 0) << explained.err;
  const auto patches = json::parse(explained.out)["tokens"].size();
  EXPECT_EQ(patches % 4, 0u);
  EXPECT_EQ(test::read_bytes(png).substr(1, 3), "PNG");
  const auto shown = run({"explain", trained_.model, trained_.file("clip3"), "--no-tests"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("token 1")));
}

TEST_F(Clips, ThatCannotBeReadAreNamed) {
  fs::create_directories(folder_ / "empty");
  expect_refused("empty", "without images");
  for (int t = 0; t < 3; ++t) {
    const auto bytes = test::plain_png({1, 8, 12}, 9);
    fs::create_directories(folder_ / "short");
    test::write_bytes(folder_ / "short" / (std::to_string(t) + ".png"),
                      {bytes.begin(), bytes.end()});
  }
  expect_refused("short", "3 frames, and 4 are needed");
  fs::create_directories(folder_ / "sizes");
  for (int t = 0; t < 4; ++t) {
    const auto bytes = test::plain_png({1, 8 + t, 12}, 9);
    test::write_bytes(folder_ / "sizes" / (std::to_string(t) + ".png"),
                      {bytes.begin(), bytes.end()});
  }
  expect_refused("sizes", "all frames of a clip must be alike");
  expect_refused("gone", "gone", 5);
  const auto piped = run({"predict", trained_.model, "-", "--set", "data.format=csv"});
  EXPECT_EQ(piped.code, 2) << piped.err;
  EXPECT_THAT(piped.err, HasSubstr("the names of its files, one a line"));
}

TEST_F(Clips, OfVideoFilesAreRead) {
  const auto write = [&](const std::string& name, const test::Bytes& bytes) {
    test::write_bytes(folder_ / name, {bytes.begin(), bytes.end()});
    return (folder_ / name).string();
  };
  const auto file = write("clip.y4m", test::y4m(6, 10, {30, 60, 90, 120, 150, 180}));
  const auto answered = run({"predict", trained_.model, file});
  if (answered.code == 5) {
    EXPECT_THAT(answered.err, AllOf(HasSubstr("heed_ffmpeg.so"), HasSubstr("libavformat-dev")));
    GTEST_SKIP() << "built without FFmpeg";
  }
  EXPECT_EQ(answered.code, 0) << answered.err;
  write("none.mp4", {'n', 'o', 't', 'h', 'i', 'n', 'g'});
  expect_refused("none.mp4", "not a");
  write("few.y4m", test::y4m(6, 10, {30, 60, 90}));
  expect_refused("few.y4m", "3 frames, and 4 are needed");
}

}  // namespace
}  // namespace heed
