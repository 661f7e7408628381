// Clips by their frames: folders, and files as FFmpeg's own program decodes them.
#include "heed/data/video.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "data/video_parts.h"
#include "data/video_samples.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Image> read_frames(const fs::path& path, const std::vector<int64_t>& numbers,
                               const ImageOptions& options = {}) {
  std::vector<Image> all;
  const auto times = open_video(path, options)->times();
  open_video(path, options)->read(times, numbers, [&](Image frame) {
    all.push_back(std::move(frame));
  });
  return all;
}

std::string refusal(const fs::path& path, const ImageOptions& options = {}) {
  return test::message_of<DataError>([&] {
    const auto video = open_video(path, options);
    const auto times = video->times();
    std::vector<int64_t> all(static_cast<size_t>(times.count));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    video->read(times, all, [](const Image&) {});
  });
}

TEST(ChosenFrames, AreTheMiddlesOfEqualParts) {
  EXPECT_THAT(chosen_frames(4, {.frames = 4}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(chosen_frames(12, {.frames = 4}), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(chosen_frames(10, {.frames = 3}), ElementsAre(1, 4, 8));  // parts 0-2, 3-5, 6-9
  EXPECT_THAT(chosen_frames(1'300'000, {.frames = 2}), ElementsAre(325'000, 975'000));
  EXPECT_THAT(chosen_frames(11, {.frames = 3, .stride = 2}), ElementsAre(3, 5, 7));
  EXPECT_THAT(chosen_frames(5, {.frames = 3, .stride = 2}), ElementsAre(0, 2, 4));
}

TEST(ChosenFrames, AreDrawnFromTheirParts) {
  std::vector<int> seen(10);
  for (uint32_t i = 0; i < 400; ++i) {
    Random random(5, i);
    const auto chosen = chosen_frames(10, {.frames = 3}, &random);
    ASSERT_EQ(chosen.size(), 3u);
    EXPECT_TRUE(chosen[0] < 3 && chosen[1] >= 3 && chosen[1] < 6 && chosen[2] >= 6);
    for (const int64_t frame : chosen) ++seen[static_cast<size_t>(frame)];
  }
  for (const int count : seen) EXPECT_GT(count, 60);
  std::vector<int> first(6);
  for (uint32_t i = 0; i < 400; ++i) {
    Random random(6, i);
    const auto chosen = chosen_frames(10, {.frames = 3, .stride = 2}, &random);
    EXPECT_TRUE(chosen[1] == chosen[0] + 2 && chosen[2] == chosen[0] + 4);
    ++first.at(static_cast<size_t>(chosen[0]));
  }
  for (const int count : first) EXPECT_GT(count, 30);
}

TEST(ChosenFrames, OfAClipThatIsTooShortAreRefused) {
  EXPECT_THAT(test::message_of<DataError>([] { chosen_frames(3, {.frames = 4}); }),
              AllOf(HasSubstr("has 3 frames, and 4 are needed"), HasSubstr("input.frames")));
  EXPECT_THAT(test::message_of<DataError>([] { chosen_frames(4, {.frames = 3, .stride = 2}); }),
              AllOf(HasSubstr("5 are needed"), HasSubstr("input.stride")));
}

TEST(FrameFolder, CountsNumbersByTheirValue) {
  std::vector<std::string> names = {"b1", "a10", "a9", "a2b", "a2", "a002", "a", "a10b2", "a10b11"};
  std::sort(names.begin(), names.end(), in_natural_order);
  EXPECT_THAT(names, ElementsAre("a", "a002", "a2", "a2b", "a9", "a10", "a10b2", "a10b11", "b1"));
}

TEST(FrameFolder, GivesItsImagesInOrder) {
  const test::TempFolder folder;
  for (int i = 0; i < 12; ++i)
    folder.write("clip/frame" + std::to_string(i) + ".png",
                 test::plain_png({1, 3, 5}, static_cast<uint8_t>(10 * i)));
  const auto clip = folder.path() / "clip";
  EXPECT_EQ(open_video(clip, {})->times().count, 12);
  EXPECT_EQ(open_video(clip, {})->times().at(3), -1);
  EXPECT_EQ(open_video(clip, {})->shape(), (ImageShape{1, 3, 5}));
  const auto frames = read_frames(clip, {0, 2, 2, 10, 11}, {.channels = 3});
  ASSERT_EQ(frames.size(), 5u);
  EXPECT_EQ(frames[0].shape, (ImageShape{3, 3, 5}));
  EXPECT_EQ(frames[1].values[0], 20);
  EXPECT_EQ(frames[2].values[0], 20);
  EXPECT_EQ(frames[3].values[0], 100);
  EXPECT_EQ(frames[4].values[0], 110);
}

TEST(FrameFolder, RefusesWhatIsNoClip) {
  const test::TempFolder folder;
  fs::create_directories(folder.path() / "empty");
  EXPECT_THAT(refusal(folder.path() / "empty"),
              AllOf(HasSubstr("empty"), HasSubstr("without images")));
  folder.write("sizes/1.png", test::plain_png({1, 3, 5}, 9));
  folder.write("sizes/2.png", test::plain_png({1, 5, 3}, 9));
  EXPECT_THAT(refusal(folder.path() / "sizes"), AllOf(HasSubstr("2.png"), HasSubstr("1 x 5 x 3")));
  folder.write("notes/1.png", test::plain_png({1, 3, 5}, 9));
  folder.write("notes/notes.txt", test::Bytes{'x'});
  EXPECT_THAT(refusal(folder.path() / "notes"), HasSubstr("notes.txt"));
  auto cut = test::plain_png({1, 30, 30}, 9);
  cut.resize(cut.size() - 20);
  folder.write("cut/1.png", test::plain_png({1, 30, 30}, 9));
  folder.write("cut/2.png", cut);
  EXPECT_THAT(refusal(folder.path() / "cut"), HasSubstr("2.png"));
  EXPECT_THAT(test::message_of<FileError>([&] { open_video(folder.path() / "gone.mp4", {}); }),
              HasSubstr("gone.mp4"));
}

TEST(VideoFile, GivesFramesByTheirNumber) {
  const test::TempFolder folder;
  std::vector<uint8_t> grey;
  for (int i = 0; i < 20; ++i) grey.push_back(static_cast<uint8_t>(16 + 11 * i));
  const auto file = folder.write("clip.y4m", test::y4m(6, 8, grey));
  const auto times = open_video(file, {})->times();
  ASSERT_EQ(times.count, 20);
  EXPECT_NEAR(times.at(19), 19 / 25.0, 1e-9);
  const auto frames = read_frames(file, {0, 7, 7, 19}, {.channels = 1});
  ASSERT_EQ(frames.size(), 4u);
  for (size_t i = 0; const int number : {0, 7, 7, 19})  // of limited range: (y - 16) 255 / 219
    EXPECT_NEAR(frames[i++].values[0], 11 * number * 255 / 219.0, 1.01) << number;
  EXPECT_EQ(frames[0].shape, (ImageShape{1, 6, 8}));
  EXPECT_THAT(refusal(file, {.max_pixels = 47}),
              AllOf(HasSubstr("clip.y4m"), HasSubstr("8 x 6"), HasSubstr("input.max_pixels")));
}

TEST(VideoFile, RefusesWhatIsNone) {
  const test::TempFolder folder;
  const std::string text = "this is a text\n";
  const auto file = folder.write("text.mp4", test::Bytes(text.begin(), text.end()));
  EXPECT_THAT(refusal(file), AllOf(HasSubstr("text.mp4"), HasSubstr("not a")));
  EXPECT_THAT(refusal(folder.write("empty.mp4", {})), HasSubstr("empty.mp4"));
  EXPECT_THAT(refusal(folder.write("no.y4m", test::y4m(6, 8, {}))), HasSubstr("no.y4m"));
  // Lists that would have other files and addresses opened.
  const auto secret = folder.write("secret.y4m", test::y4m(6, 8, {16, 99}));
  const auto list = "ffconcat version 1.0\nfile '" + secret.string() + "'\n";
  EXPECT_THAT(refusal(folder.write("list.mkv", test::Bytes(list.begin(), list.end()))),
              HasSubstr("list.mkv"));
  const auto play = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + secret.string() + "\n";
  EXPECT_THAT(refusal(folder.write("list.m3u8", test::Bytes(play.begin(), play.end()))),
              HasSubstr("list.m3u8"));
}

/// Frames of FFmpeg's own program, with the flags by which Heed converts pixels.
std::vector<Image> by_program(const test::TempFolder& folder, const fs::path& file,
                              const ImageShape& shape) {
  const auto raw = folder.path() / "raw.rgb";
  test::ffmpeg("-flags bitexact -i '" + file.string() +
               "' -an -vf scale=flags=bicubic+accurate_rnd+full_chroma_int+bitexact -pix_fmt rgb24 "
               "-vsync passthrough -f rawvideo '" +
               raw.string() + "'");
  const auto bytes = test::read_bytes(raw);
  const auto each = static_cast<size_t>(shape.values());
  std::vector<Image> frames;
  for (size_t begin = 0; begin + each <= bytes.size(); begin += each) {
    Image frame{shape, std::vector<uint8_t>(each)};
    const auto pixels = static_cast<size_t>(shape.pixels());
    for (size_t i = 0; i < each; ++i)
      frame.values[i % 3 * pixels + i / 3] = static_cast<uint8_t>(bytes[begin + i]);
    frames.push_back(std::move(frame));
  }
  return frames;
}

struct Encoded {
  const char *name, *arguments;
};

/// With pictures between others (-bf) and few places where decoding can begin (-g): in containers with an index, without
/// one, and without times.
const std::vector<Encoded> kEncoded = {
    {"mpeg4.mp4", "-c:v mpeg4 -g 12 -bf 2 -pix_fmt yuv420p"},
    {"mpeg4.mkv", "-c:v mpeg4 -g 12 -bf 2"},
    {"mpeg4.avi", "-c:v mpeg4 -g 12"},
    {"packed.avi", "-c:v mpeg4 -g 12 -bf 2"},
    {"mpeg2.ts", "-c:v mpeg2video -g 12 -bf 2"},
    {"mpeg2.mpg", "-c:v mpeg2video -g 12 -bf 2 -f mpeg"},
    {"ffv1.mkv", "-c:v ffv1"},
    {"full.mkv", "-c:v ffv1 -pix_fmt yuvj444p"},
    {"ten_bits.mkv", "-c:v ffv1 -pix_fmt yuv422p10"},
    {"gif.gif", ""},
    {"vp9.webm", "-c:v libvpx-vp9 -g 12 -deadline realtime"},
    {"h264.mp4", "-c:v libx264 -g 12 -bf 3"},
    {"open.mp4", "-c:v libx264 -g 12 -bf 3 -x264-params open-gop=1"},
    {"h264.ts", "-c:v libx264 -g 12 -bf 3"},
    {"raw.h264", "-c:v libx264 -g 12 -bf 3"},
    {"bt709.mp4", "-c:v libx264 -g 12 -colorspace bt709 -color_primaries bt709 -color_trc bt709"},
};

TEST(VideoFile, EqualsFfmpegFrameByFrame) {
  HEED_NEEDS_FFMPEG();
  const test::TempFolder folder;
  const ImageShape shape{3, 34, 50};
  for (const auto& [name, arguments] : kEncoded) {
    const auto file = folder.path() / name;
    test::ffmpeg("-f lavfi -i testsrc2=size=50x34:rate=25:duration=2.4 " + std::string(arguments) +
                 " '" + file.string() + "'");
    const auto wanted = by_program(folder, file, shape);
    ASSERT_GE(wanted.size(), 55u) << name;
    const auto times = open_video(file, {})->times();
    EXPECT_EQ(times.count, std::ssize(wanted)) << name;
    const auto last = std::ssize(wanted) - 1;
    for (const auto& numbers : std::vector<std::vector<int64_t>>{
             {0, 1, 2, 3}, {last}, {40}, {5, 13, 13, 30, 31, 53}, {11, 12, 23, 24, 36, 47, 48}}) {
      const auto frames = read_frames(file, numbers);
      ASSERT_EQ(frames.size(), numbers.size()) << name;
      for (size_t i = 0; i < numbers.size(); ++i) {
        ASSERT_EQ(frames[i].shape, shape) << name;
        EXPECT_TRUE(frames[i].values == wanted[static_cast<size_t>(numbers[i])].values)
            << name << " frame " << numbers[i];
      }
    }
  }
}

TEST(VideoFile, IsTurnedAsItAsks) {
  HEED_NEEDS_FFMPEG();
  const test::TempFolder folder;
  const auto plain = folder.path() / "plain.mp4", turned = folder.path() / "turned.mp4";
  test::ffmpeg("-f lavfi -i testsrc2=size=50x34:rate=25:duration=0.4 -c:v mpeg4 -g 1 '" +
               plain.string() + "'");
  for (const int turn : {90, 180, 270}) {
    test::ffmpeg("-i '" + plain.string() + "' -c copy -metadata:s:v rotate=" +
                 std::to_string(turn) + " '" + turned.string() + "'");
    const ImageShape shape = turn == 180 ? ImageShape{3, 34, 50} : ImageShape{3, 50, 34};
    EXPECT_EQ(open_video(turned, {})->shape(), shape);
    // Turned before pixels are converted, chroma lies elsewhere by half a pixel: not bit for bit.
    const auto wanted = by_program(folder, turned, shape);
    const auto frames = read_frames(turned, {4});
    ASSERT_GT(wanted.size(), 4u);
    double sum = 0;
    for (size_t i = 0; i < frames[0].values.size(); ++i)
      sum += std::abs(frames[0].values[i] - wanted[4].values[i]);
    EXPECT_LT(sum / static_cast<double>(frames[0].values.size()), 8) << turn;
  }
}

TEST(VideoFile, CutShortOrDamagedIsRefused) {
  HEED_NEEDS_FFMPEG();
  const test::TempFolder folder;
  for (const std::string name : {"clip.mp4", "clip.mkv", "clip.avi"}) {
    const auto file = folder.path() / name;
    test::ffmpeg(
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=4 -c:v mpeg4 -g 12 "
        "-movflags faststart '" +
        file.string() + "'");
    const auto whole = test::read_bytes(file);
    for (const double share : {0.02, 0.5, 0.85}) {
      const auto size = static_cast<size_t>(share * static_cast<double>(whole.size()));
      const auto cut = folder.write(
          "cut_" + name, test::Bytes(whole.begin(), whole.begin() + static_cast<int64_t>(size)));
      EXPECT_THAT(refusal(cut), HasSubstr("cut_" + name)) << share;
    }
    auto bytes = test::Bytes(whole.begin(), whole.end());
    for (size_t i = 0; i < 3000; ++i) bytes[bytes.size() / 2 + i] = static_cast<uint8_t>(i * 37);
    EXPECT_THAT(refusal(folder.write("bad_" + name, bytes)), HasSubstr("bad_" + name));
  }
}

TEST(VideoFile, WithoutVideoOrOfTwoSizesIsRefused) {
  HEED_NEEDS_FFMPEG();
  const test::TempFolder folder;
  const auto sound = folder.path() / "sound.mp4";
  test::ffmpeg("-f lavfi -i sine=duration=1 '" + sound.string() + "'");
  EXPECT_THAT(refusal(sound), AllOf(HasSubstr("sound.mp4"), HasSubstr("no video")));
  test::Bytes both;
  for (const char* size : {"64x48", "48x64"}) {
    const auto part = folder.path() / "part.m2v";
    test::ffmpeg(std::string("-f lavfi -i testsrc2=rate=25:duration=0.4:size=") + size +
                 " -c:v mpeg2video '" + part.string() + "'");
    const auto bytes = test::read_bytes(part);
    both.insert(both.end(), bytes.begin(), bytes.end());
  }
  EXPECT_THAT(refusal(folder.write("sizes.m2v", both)),
              AllOf(HasSubstr("sizes.m2v"), HasSubstr("frame")));
}

}  // namespace
}  // namespace heed::data
