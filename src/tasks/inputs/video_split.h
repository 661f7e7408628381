// Clips as the batches that a model reads.
#pragma once

#include "heed/data/video.h"
#include "tasks/inputs/image_split.h"

namespace heed {

/// Frames are read as images are; what is drawn of their changes is the same for all frames of a clip.
struct VideoInputOptions : ImageInputOptions {
  data::FrameChoice choice;
  int64_t keep = 512;

  VideoInputOptions() { column = "video"; }

  template <class Visitor>
  void fields(Visitor&& v) {
    v("frames", choice.frames, "frames of a clip that are read", between(1, 4096));
    v("stride", choice.stride,
      "frames from one that is read to the next, of a part of the clip; 0: evenly over all of it, "
      "one of each of `frames` "
      "equal parts. Training draws which, else it is the middle",
      between(0, 65535));
    v("keep", keep,
      "MiB of frames, at the model's size, that are kept in memory so that clips are decoded once; "
      "changes no result",
      between(0, 1 << 24));
    ImageInputOptions::fields(v);
  }
  void check() const;
  data::ClipOptions clips() const;
};
using VideoInputOptionsPtr = std::shared_ptr<VideoInputOptions>;

/// The batch: video (B, F, C, h, w). Shown is a clip as its frames side by side.
class VideoSplit : public ImageSplit {
 public:
  VideoSplit(data::Clips clips, const VideoInputOptionsPtr& options, bool labelled)
      : ImageSplit(clips, options, labelled),
        clips_(std::move(clips)),
        options_(options),
        labelled_(labelled) {}
  VideoSplit(data::Clips clips, const VideoInputOptionsPtr& options, data::RecordsPtr records)
      : ImageSplit(clips, options, records),
        clips_(std::move(clips)),
        options_(options),
        records_(std::move(records)) {}

  const data::Clips& clips() const { return clips_; }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::vector<TokenPlace> frame_tokens(int64_t example, const TokenFrames& tokens) const override;
  bool has_image() const override { return false; }
  SplitPtr select(const std::vector<int64_t>& examples) const override;
  SplitPtr with_noise(const std::string& kind, double strength, uint64_t seed) const override;

 private:
  std::vector<int64_t> chosen(int64_t example, Random* random) const;

  data::Clips clips_;
  VideoInputOptionsPtr options_;
  data::RecordsPtr records_;
  bool labelled_ = false;
};

/// Clips that are answered, read when they are added.
class ClipList : public data::ClipDataset {
 public:
  explicit ClipList(data::ClipOptions options) : options_(std::move(options)) {}
  void add(const std::string& path) {
    clips_.push_back(data::read_clip(path, options_)), names_.push_back(path);
  }

  int64_t size() const override { return std::ssize(clips_); }
  ImageShape frame_shape() const override { return data::fitted({}, options_.images); }
  ImageShape shape() const override {
    const auto frame = frame_shape();
    return {frame.channels, frame.height, frame.width * options_.choice.frames};
  }
  const std::vector<std::string>& classes() const override { return classes_; }
  const data::FrameTimes& times(int64_t i) const override { return at(i).times; }
  /// Those that are read without drawing, which nobody asks otherwise.
  std::vector<data::Image> frames(int64_t i, const std::vector<int64_t>&) const override {
    return at(i).frames;
  }
  data::Image image(int64_t i) const override { return data::side_by_side(at(i).frames); }
  int64_t label(int64_t) const override { return -1; }
  std::string name(int64_t i) const override { return names_.at(static_cast<size_t>(i)); }

 private:
  const data::ReadClip& at(int64_t i) const { return clips_.at(static_cast<size_t>(i)); }

  data::ClipOptions options_;
  std::vector<data::ReadClip> clips_;
  std::vector<std::string> names_, classes_;
};

}  // namespace heed
