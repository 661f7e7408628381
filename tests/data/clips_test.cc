// Datasets of clips: what is found, what is kept, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/video_samples.h"
#include "heed/data/record_files.h"
#include "heed/data/video.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Two classes: one of folders of frames, one of files, a level down.
class ClipFolder : public testing::Test {
 protected:
  ClipFolder() {
    for (const char* clip : {"a", "b"})
      for (int i = 0; i < 6; ++i)
        folder_.write("folders/" + std::string(clip) + "/" + std::to_string(i) + ".png",
                      test::plain_png({3, 4, 6}, static_cast<uint8_t>(20 * i + 1)));
    folder_.write("files/more/c.gif", test::y4m(4, 6, {16, 50, 90, 130, 170, 210, 235}));
  }
  test::TempFolder folder_;
  ClipOptions options_{.images = {.channels = 3}, .choice = {.frames = 3}};
};

TEST_F(ClipFolder, HoldsFilesAndFoldersOfFrames) {
  const auto clips = open_clips(folder_.path(), options_);
  EXPECT_THAT(clips->classes(), ElementsAre("files", "folders"));
  ASSERT_EQ(clips->size(), 3);
  EXPECT_EQ(clips->label(0), 0);
  EXPECT_EQ(clips->label(2), 1);
  EXPECT_THAT(clips->name(0), HasSubstr("files/more/c.gif"));
  EXPECT_EQ(clips->frame_shape(), (ImageShape{3, 4, 6}));
  EXPECT_EQ(clips->shape(), (ImageShape{3, 4, 18}));
  EXPECT_EQ(clips->times(0).count, 7);
  EXPECT_EQ(clips->times(1).count, 6);
}

TEST_F(ClipFolder, AClipIsItsFramesSideBySide) {
  const auto clips = open_clips(folder_.path(), options_);
  const auto strip = clips->image(1);  // frames 1, 3 and 5 of 0 .. 5
  ASSERT_EQ(strip.shape, (ImageShape{3, 4, 18}));
  for (int64_t row = 0; row < 12; ++row)
    for (int64_t column = 0; column < 18; ++column)
      ASSERT_EQ(strip.values[static_cast<size_t>(row * 18 + column)],
                20 * (1 + 2 * (column / 6)) + 1);
}

TEST_F(ClipFolder, WhatIsKeptChangesNothing) {
  options_.images.size = {3, 5};
  const auto none = open_clips(folder_.path(), options_);
  options_.keep = 13 * 45;  // of two clips
  const auto some = open_clips(folder_.path(), options_);
  options_.keep = 1 << 20;
  const auto all = open_clips(folder_.path(), options_);
  for (int64_t i = 0; i < 3; ++i) {
    for (const std::vector<int64_t>& numbers : {std::vector<int64_t>{0, 2, 5}, {1, 1, 4}}) {
      const auto wanted = none->frames(i, numbers);
      ASSERT_EQ(wanted.size(), 3u);
      for (const auto& other : {some->frames(i, numbers), all->frames(i, numbers)})
        for (size_t k = 0; k < 3; ++k) EXPECT_EQ(other.at(k).values, wanted[k].values);
    }
  }
  fs::remove_all(folder_.path() / "folders");
  EXPECT_NO_THROW(all->frames(2, {0}));
  EXPECT_THROW(none->frames(2, {0}), Error);
}

TEST_F(ClipFolder, OfSomeClips) {
  const auto clips = subset(open_clips(folder_.path(), options_), {2, 0});
  EXPECT_EQ(clips->label(0), 1);
  EXPECT_EQ(clips->label(1), 0);
  EXPECT_EQ(clips->times(1).count, 7);
  EXPECT_EQ(clips->frames(0, {5}).at(0).values[0], 101);
}

TEST_F(ClipFolder, NamesWhatIsWrong) {
  const auto wrong = [&] {
    return test::message_of<DataError>([&] { open_clips(folder_.path(), options_)->image(0); });
  };
  options_.choice.frames = 8;
  EXPECT_THAT(wrong(), AllOf(HasSubstr("c.gif"), HasSubstr("7 frames, and 8 are needed")));
  options_.choice.frames = 3;
  options_.images.channels = 0;
  folder_.write("files/grey/1.png", test::plain_png({1, 4, 6}, 9));
  EXPECT_THAT(wrong(), AllOf(HasSubstr("c.gif has frames of 3 x 4 x 6"),
                             HasSubstr("files/grey of 1 x 4 x 6"), HasSubstr("input.size")));
  fs::remove_all(folder_.path() / "files/grey");
  folder_.write("files/notes.txt", test::Bytes{'x'});
  EXPECT_THAT(wrong(), HasSubstr("notes.txt: not named as a video"));
  fs::remove(folder_.path() / "files/notes.txt");
  fs::create_directories(folder_.path() / "void");
  EXPECT_THAT(wrong(), HasSubstr("class 'void' has no clips"));
  fs::remove(folder_.path() / "void");
  options_.images.classes = {"files", "folder"};
  EXPECT_THAT(wrong(), HasSubstr("did you mean 'folder'"));
}

TEST_F(ClipFolder, OfRecordsBeginWithTheirPlace) {
  const std::string list = "video,action\nfolders/a,x\nfiles/more/c.gif,y\nfolders/none,z\n,w\n";
  const auto file = folder_.write("list.csv", test::Bytes(list.begin(), list.end()));
  options_.images.size = {4, 6};
  const auto said = [&](int64_t i) {
    return test::message_of<DataError>(
        [&] { open_record_clips(open_records({file}), "video", options_)->image(i); });
  };
  EXPECT_THAT(said(0), AllOf(HasSubstr("list.csv:5"), HasSubstr("video"), HasSubstr("empty")));
  const std::string good = "video,action\nfolders/a,x\nfiles/more/c.gif,y\n";
  folder_.write("list.csv", test::Bytes(good.begin(), good.end()));
  const auto clips = open_record_clips(open_records({file}), "video", options_);
  EXPECT_EQ(clips->frames(0, {2}).at(0).values[0], 41);
  options_.choice.frames = 7;
  EXPECT_THAT(said(0), AllOf(HasSubstr("list.csv:2: video: "), HasSubstr("folders/a"),
                             HasSubstr("6 frames")));
}

}  // namespace
}  // namespace heed::data
