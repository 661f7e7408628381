// Clips: video files, and folders of frames.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "heed/core/random.h"
#include "heed/data/dataset.h"

namespace heed::data {

/// When the frames of a clip are shown, and where decoding can begin.
struct FrameTimes {
  int64_t count = 0;
  std::vector<int64_t> stamps = {};  ///< of each frame, ascending, in ticks; empty: nobody knows
  std::vector<int64_t> keys = {};    ///< numbers of frames that need none before them, ascending
  double tick = 0;                   ///< seconds

  /// Seconds from the first frame; -1: nobody knows.
  double at(int64_t frame) const {
    if (stamps.empty()) return -1;
    return static_cast<double>(stamps.at(static_cast<size_t>(frame)) - stamps.front()) * tick;
  }
};

/// Gets a frame that was asked for.
using TakeFrame = std::function<void(Image frame)>;

/// One clip, opened. Not for several threads at once.
///
/// A folder holds its frames as PNG and JPEG files (.png, .jpg, .jpeg), in the order of their names, numbers in them by
/// their value; each is decoded as read_image does. A video file is read by FFmpeg's libraries, through the plug-in
/// heed_ffmpeg.so: of its best stream of pictures every frame that is shown, in the order in which they are, turned as the file says
/// (by a quarter, half or three quarters); no deinterlacing, no aspect ratio of pixels, no change of the frame rate. YUV becomes
/// RGB as FFmpeg's scale filter makes it with bicubic+accurate_rnd+full_chroma_int+bitexact, by the matrix and range that
/// the file names; alpha is composed over black.
class Video {
 public:
  virtual ~Video() = default;
  /// Reads a file to its end, without decoding. Throws DataError: cut short, damaged, no frames.
  virtual FrameTimes times() = 0;
  /// The shape that all frames have, by the header, or by the first frame's file.
  virtual ImageShape shape() = 0;
  /// Decodes the frames of these numbers (ascending; one may stand there several times) one after the other; `times`: what
  /// times() gave, then or earlier. Of a file decoding begins at the last place before a frame where it can, so a few
  /// frames of hours cost little. Memory: one frame. Throws DataError that names file and frame.
  virtual void read(const FrameTimes& times, const std::vector<int64_t>& numbers,
                    const TakeFrame& take) = 0;
};

/// Opens a file, or a folder of frames. `options`: channels and max_pixels. Throws FileError where it cannot be read or the
/// plug-in is not there, DataError where it is no video.
std::unique_ptr<Video> open_video(const std::filesystem::path& path, const ImageOptions& options);

/// Which frames are read of a clip of `count`.
struct FrameChoice {
  int64_t frames = 8;  ///< F
  int64_t stride =
      0;  ///< s: frames from one that is read to the next; 0: evenly over the whole clip
};

/// With s = 0 the clip is cut into F equal parts, and of each a frame is taken: the middle one, or, given a generator, one
/// drawn from it (Wang et al. 2016, "Temporal segment networks"). Otherwise every s-th frame of a part of (F - 1) s + 1, from the
/// middle or from where is drawn. Ascending. Throws DataError where the clip is shorter than that; it says how much.
std::vector<int64_t> chosen_frames(int64_t count, const FrameChoice& choice,
                                   Random* random = nullptr);

/// Frames of one shape as one image, side by side.
Image side_by_side(const std::vector<Image>& frames);

/// Clips with labels, by number; of each its frames are read, fitted to one shape. As an image dataset a clip is its frames
/// side by side, those that `choice` takes without a generator.
class ClipDataset : public ImageDataset {
 public:
  virtual const FrameTimes& times(int64_t index) const = 0;
  /// Of one frame, fitted.
  virtual ImageShape frame_shape() const = 0;
  /// Frames of these numbers, ascending, fitted.
  virtual std::vector<Image> frames(int64_t index, const std::vector<int64_t>& numbers) const = 0;
};
using Clips = std::shared_ptr<const ClipDataset>;

struct ClipOptions {
  ImageOptions images;
  FrameChoice choice;
  /// Bytes of fitted frames that are kept, so that a clip is decoded once. Of a clip all frames are, or none.
  int64_t keep = 0;
};

/// Opens labelled clips: a folder of one folder a class, each with video files (.mp4, .mkv, .webm, .avi, .mov, .m4v, .mpg,
/// .mpeg, .ts, .ogv, .flv, .wmv, .gif) and folders of frames, at any depth; a folder that holds an image is one of frames. Classes,
/// hidden files and errors as open_images. Without `size` or `channels` all must be alike.
Clips open_clips(const std::filesystem::path& folder, const ClipOptions& options);

/// Clips that a column of records names, relative to the file that the record stands in.
Clips open_record_clips(RecordsPtr records, const std::string& column, const ClipOptions& options);

struct ReadClip {
  FrameTimes times;
  std::vector<Image> frames;  ///< that are chosen without drawing, fitted
};
/// Reads one clip. Throws as open_video and chosen_frames, with the path.
ReadClip read_clip(const std::filesystem::path& path, const ClipOptions& options);

/// The clips `indices`, in that order.
Clips subset(Clips dataset, std::vector<int64_t> indices);

}  // namespace heed::data
