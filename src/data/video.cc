#include "heed/data/video.h"

#include <cerrno>

#include "data/video_parts.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

/// Of the frames from `begin` to `end` the middle one, or one that is drawn.
int64_t one_of(int64_t begin, int64_t end, Random* random) {
  if (!random) return begin + (end - begin) / 2;
  return begin + random->below(static_cast<uint32_t>(end - begin));
}

}  // namespace

std::unique_ptr<Video> open_video(const std::filesystem::path& path, const ImageOptions& options) {
  switch (kind_of(path)) {
    case PathKind::folder:
      return open_frame_folder(path, options);
    case PathKind::file:
      return open_video_file(path, options);
    case PathKind::absent:
      throw FileError("open", path, ENOENT);
    default:
      throw DataError(path.string() + ": expected a video file or a folder of frames");
  }
}

std::vector<int64_t> chosen_frames(int64_t count, const FrameChoice& choice, Random* random) {
  const int64_t frames = choice.frames, stride = choice.stride;
  const int64_t needed = stride == 0 ? frames : (frames - 1) * stride + 1;
  if (count < needed)
    throw DataError("the clip has " + std::to_string(count) + (count == 1 ? " frame" : " frames") +
                    ", and " + std::to_string(needed) + " are needed; set input.frames" +
                    (stride > 1 ? " or input.stride" : "") + " lower, or leave the clip out");
  std::vector<int64_t> chosen;
  if (stride > 0) {
    const int64_t first = one_of(0, count - needed + 1, random);
    for (int64_t i = 0; i < frames; ++i) chosen.push_back(first + i * stride);
    return chosen;
  }
  for (int64_t i = 0; i < frames; ++i)
    chosen.push_back(one_of(i * count / frames, (i + 1) * count / frames, random));
  return chosen;
}

Image side_by_side(const std::vector<Image>& frames) {
  Image strip;
  if (frames.empty()) return strip;
  const auto& part = frames.front().shape;
  strip.shape = {part.channels, part.height, part.width * std::ssize(frames)};
  strip.values.reserve(static_cast<size_t>(strip.shape.values()));
  for (int64_t row = 0; row < part.channels * part.height; ++row)
    for (const auto& frame : frames) {
      const auto from = frame.values.begin() + row * part.width;
      strip.values.insert(strip.values.end(), from, from + part.width);
    }
  return strip;
}

ReadClip read_clip(const std::filesystem::path& path, const ClipOptions& options) {
  const auto video = open_video(path, options.images);
  ReadClip clip{video->times(), {}};
  video->read(clip.times, chosen_of(path.string(), clip.times.count, options.choice),
              [&](Image frame) { clip.frames.push_back(fit(std::move(frame), options.images)); });
  return clip;
}

std::vector<int64_t> chosen_of(const std::string& clip, int64_t count, const FrameChoice& choice,
                               Random* random) {
  try {
    return chosen_frames(count, choice, random);
  } catch (const DataError& error) {
    throw DataError(clip + ": " + error.what());
  }
}

}  // namespace heed::data
