// Boxes through the program: trained on Pascal VOC's files, measured, answered, drawn, followed through frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/trained.h"
#include "data/samples.h"
#include "files.h"

namespace heed {
namespace {

using nlohmann::json;
using test::run;
using testing::AllOf;
using testing::HasSubstr;

/// 16 x 24 pixels, dark, with a bright square of 8 at (x, y).
std::string frame(int x, int y) {
  test::Bytes pixels(16 * 24, 20);
  for (int r = y; r < y + 8; ++r)
    for (int c = x; c < x + 8; ++c) pixels[static_cast<size_t>(r * 24 + c)] = 240;
  const auto png = test::png({16, 24, 0, 8, pixels});
  return {png.begin(), png.end()};
}

void write_voc(const std::filesystem::path& folder) {
  std::string names;
  for (int i = 0; i < 48; ++i) {
    const int x = i * 7 % 17, y = i * 5 % 9;
    const auto name = "f" + std::to_string(i);
    const auto number = [](const char* element, int value) {
      return "<" + std::string(element) + ">" + std::to_string(value) + "</" + element + ">";
    };
    test::write_bytes(folder / "voc/JPEGImages" / (name + ".png"), frame(x, y));
    test::write_bytes(folder / "voc/Annotations" / (name + ".xml"),
                      "<annotation><filename>" + name + ".png</filename><size>" +
                          number("width", 24) + number("height", 16) +
                          "</size><object><name>square</name><bndbox>" + number("xmin", x + 1) +
                          number("ymin", y + 1) + number("xmax", x + 8) + number("ymax", y + 8) +
                          "</bndbox></object></annotation>");
    names += name + "\n";
  }
  test::write_bytes(folder / "voc/ImageSets/Main/train.txt", names);
}

test::Trained trained_on_boxes() {
  return test::train_once("boxes", [](const std::filesystem::path& folder) {
    for (const char* each : {"voc/JPEGImages", "voc/Annotations", "voc/ImageSets/Main"})
      std::filesystem::create_directories(folder / each);
    write_voc(folder);
    const auto list = (folder / "voc/ImageSets/Main/train.txt").string();
    test::write_bytes(folder / "small.toml", "data = { format = 'voc', train = '" + list +
                                                 "', test = '" + list + "' }\n" + R"(seed = 1
[input]
kind = "image"
size = [16, 24]
[encoder]
stem = "conv"
patch = 4
width = 16
layers = 1
attention = { position = "learned", num_heads = 2 }
[head]
kind = "boxes"
convolutions = 1
[train]
epochs = 20
batch = 8
optimizer = { lr = 5e-3 }
schedule = { kind = "cosine", warmup = 10 }
)");
  });
}

TEST(Boxes, AreMeasuredAnsweredAndDrawn) {
  const auto made = trained_on_boxes();
  const auto eval = run({"eval", made.model, "--json"});
  ASSERT_EQ(eval.code, 0) << eval.err;
  EXPECT_THAT(eval.out, AllOf(HasSubstr("\"ap50\""), HasSubstr("\"baseline_ap50\""),
                              HasSubstr("\"square\"")));
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "new.png", frame(9, 4));
  const auto answer = run({"predict", made.model, (folder / "new.png").string(), "--json",
                           "--figures", (folder / "drawn").string()});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const auto boxes = json::parse(answer.out)["boxes"];
  ASSERT_GE(boxes.size(), 1u);
  EXPECT_EQ(boxes[0]["class"], "square");
  const auto box = boxes[0]["box"].get<std::vector<double>>();
  EXPECT_NEAR(box[0], 9, 3);
  EXPECT_NEAR(box[3], 12, 3);
  EXPECT_TRUE(test::read_bytes(folder / "drawn/new.png").starts_with("\x89PNG"));
  const auto line = run({"predict", made.model, (folder / "new.png").string()});
  EXPECT_THAT(line.out, testing::MatchesRegex(
                            ".*new.png\tsquare 0\\.[0-9]+ at [0-9]+ [0-9]+ [0-9]+ [0-9]+.*\n"));
  const auto why = run({"explain", made.model, (folder / "new.png").string(), "--method",
                        "integrated_gradients", "--no-tests", "--json"});
  EXPECT_EQ(why.code, 0) << why.err;
  EXPECT_THAT(why.out, HasSubstr("the logit of 'square' at "));
  const auto none = run({"explain", made.model, (folder / "new.png").string(), "--target", "900"});
  EXPECT_EQ(none.code, 2) << none.err;
  EXPECT_THAT(none.err, HasSubstr("box"));
  const auto map = run(
      {"map", made.model, (folder / "new.png").string(), "--png", (folder / "map.png").string()});
  EXPECT_EQ(map.code, 0) << map.err;
}

TEST(Boxes, FiguresOfOneNameStandBesideEachOther) {
  const auto made = trained_on_boxes();
  const test::TemporaryFolder folder;
  for (const char* each : {"a", "b", "drawn"}) std::filesystem::create_directories(folder / each);
  test::write_bytes(folder / "a/x.png", frame(9, 4)),
      test::write_bytes(folder / "b/x.png", frame(1, 4));
  test::write_bytes(folder / "a/x-2.png", frame(5, 2));
  const auto drawn = (folder / "drawn").string();
  const auto answer =
      run({"predict", made.model, (folder / "a/x.png").string(), (folder / "a/x-2.png").string(),
           (folder / "b/x.png").string(), "--figures", drawn});
  ASSERT_EQ(answer.code, 0) << answer.err;
  for (const char* name : {"drawn/x.png", "drawn/x-2.png", "drawn/x-3.png"})
    EXPECT_TRUE(test::read_bytes(folder / name).starts_with("\x89PNG")) << name;
  // So are those of images that stand in one file.
  const auto set = test::idx({2, 16, 24}, test::Bytes(2 * 16 * 24, 0x40));
  test::write_bytes(folder / "set-images-idx3-ubyte", {set.begin(), set.end()});
  const auto idx = (folder / "set-images-idx3-ubyte").string();
  const auto of_set = run({"predict", made.model, idx, "--figures", drawn});
  EXPECT_EQ(of_set.code, 0) << of_set.err;
  EXPECT_TRUE(
      test::read_bytes(folder / "drawn/set-images-idx3-ubyte#1.png").starts_with("\x89PNG"));
  // An image is never replaced by its figure.
  const auto over = run(
      {"predict", made.model, (folder / "a/x.png").string(), "--figures", (folder / "a").string()});
  EXPECT_EQ(over.code, 2) << over.err;
  EXPECT_THAT(over.err, HasSubstr("over the image"));
  EXPECT_EQ(test::read_bytes(folder / "a/x.png"), frame(9, 4));
  // What is held back is not drawn.
  test::write_bytes(folder / "filter.toml", "pattern = [{ name = 'shape', match = 'square' }]\n");
  const auto withheld =
      run({"predict", made.model, (folder / "a/x.png").string(), "--figures",
           (folder / "held").string(), "--withhold", (folder / "filter.toml").string()});
  EXPECT_EQ(withheld.code, 0) << withheld.err;
  EXPECT_THAT(withheld.out, HasSubstr("withheld by shape"));
  EXPECT_FALSE(std::filesystem::exists(folder / "held"));
}

TEST(Boxes, AreFollowedThroughFrames) {
  const auto made = trained_on_boxes();
  const test::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "frames");
  for (int i = 0; i < 8; ++i)  // "f10" stands behind "f9"
    test::write_bytes(folder / "frames" / ("f" + std::to_string(i + 5) + ".png"), frame(2 * i, 4));
  test::write_bytes(folder / "frames/notes.txt", "no frame");
  const auto followed =
      run({"predict", made.model, (folder / "frames").string(), "--track", "--json"});
  ASSERT_EQ(followed.code, 0) << followed.err;
  std::istringstream lines(followed.out);
  int frames = 0;
  for (std::string line; std::getline(lines, line); ++frames) {
    const auto boxes = json::parse(line)["boxes"];
    ASSERT_GE(boxes.size(), 1u) << line;
    EXPECT_EQ(boxes[0]["id"], 1) << line;
    EXPECT_NEAR(boxes[0]["box"][0].get<double>(), 2 * frames, 3) << line;
  }
  EXPECT_EQ(frames, 8);
}

TEST(Boxes, RefusesWhatItWouldIgnore) {
  const auto made = trained_on_boxes();
  const test::TemporaryFolder folder;
  const auto refused = [&](std::vector<std::string> more, int code, const std::string& why) {
    more.insert(more.begin(), {"predict", made.model});
    const auto result = run(more);
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why));
    EXPECT_EQ(result.out, "");
  };
  refused({"x.png", "--track-age", "3"}, 2, "add --track");
  refused({folder.path().string(), "--track"}, 3, "no frame");
  refused({folder.path().string()}, 3, "a folder");
  refused({folder.path().string(), folder.path().string(), "--track"}, 2, "of one folder");
  test::write_bytes(folder / "f0.xml", "<annotation><object></annotation>");
  const auto eval = run({"eval", made.model, "--data", (folder / "f0.xml").string()});
  EXPECT_EQ(eval.code, 3);
  EXPECT_THAT(eval.err, HasSubstr("f0.xml:1: broken XML"));
}

}  // namespace
}  // namespace heed
