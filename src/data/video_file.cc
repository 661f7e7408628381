// Video files, by FFmpeg behind its plug-in.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "data/class_folders.h"
#include "data/exif.h"
#include "data/ffmpeg/plugin.h"
#include "data/plugin.h"
#include "data/video_parts.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

constexpr Plugin kFfmpegPlugin{.file = "heed_ffmpeg.so",
                               .entry = "heed_ffmpeg",
                               .what = "video files",
                               .runtime = "libavformat59, libavcodec59 and libswscale6",
                               .build = "libavformat-dev, libavcodec-dev and libswscale-dev",
                               .flags = 0};

const HeedFfmpeg* open_ffmpeg() {
  const auto entry = reinterpret_cast<HeedFfmpegEntry>(open_plugin(kFfmpegPlugin));
  if (entry()->version != kHeedFfmpegVersion) refuse_version(kFfmpegPlugin);
  return entry();
}

const HeedFfmpeg& ffmpeg() {
  static const HeedFfmpeg* table = open_ffmpeg();
  return *table;
}

void take_reason(void* to, const char* bytes, size_t count) {
  static_cast<std::string*>(to)->assign(bytes, count);
}

/// A file that is decoded from its beginning on.
class Decoding {
 public:
  Decoding(const fs::path& file, int64_t most_pixels) : library_(ffmpeg()) {
    check(library_.open(file.c_str(), most_pixels, &video_, take_reason, &why_));
  }
  ~Decoding() { library_.close(video_); }
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;

  HeedVideoShape shape() const {
    HeedVideoShape shape;
    library_.shape(video_, &shape);
    return shape;
  }
  void packets(HeedTakePacket take, void* to) {
    check(library_.packets(video_, take, to, take_reason, &why_));
  }
  void seek(int64_t time) { check(library_.seek(video_, time, take_reason, &why_)); }
  /// False at the end.
  bool next(int64_t& time) { return check(library_.next(video_, &time, take_reason, &why_)) == 0; }
  /// The frame that next() gave, of the shape that the header says.
  Image picture(const HeedVideoShape& expected) {
    int64_t height = 0, width = 0;
    library_.picture(video_, &height, &width);
    if (height != expected.height || width != expected.width)
      throw DataError("it has " + std::to_string(width) + " x " + std::to_string(height) +
                      " pixels, where the file begins with " + std::to_string(expected.width) +
                      " x " + std::to_string(expected.height));
    const auto pixels = static_cast<size_t>(height * width);
    std::vector<uint8_t> rgba(4 * pixels);
    check(library_.pixels(video_, rgba.data(), take_reason, &why_));
    Image image{{3, height, width}, std::vector<uint8_t>(3 * pixels)};
    for (size_t i = 0; i < pixels; ++i) {
      const int alpha = rgba[4 * i + 3];
      for (size_t c = 0; c < 3; ++c)
        image.values[c * pixels + i] = static_cast<uint8_t>((rgba[4 * i + c] * alpha + 127) / 255);
    }
    return image;
  }

 private:
  int check(int result) const {
    if (result >= 0) return result;
    if (why_ == kHeedVideoNoMemory) throw std::bad_alloc();
    throw DataError(why_);
  }

  const HeedFfmpeg& library_;
  void* video_ = nullptr;
  std::string why_;
};

struct Packet {
  int64_t time;
  bool is_key;
};

void take_packet(void* to, int64_t time, int is_key) {
  auto& packets = *static_cast<std::vector<Packet>*>(to);
  // What stands before the first place where decoding can begin is never shown.
  if (is_key || !packets.empty()) packets.push_back({time, is_key != 0});
}

/// Times by their packets; without stamps where these do not tell all frames apart.
FrameTimes times_of(std::vector<Packet> packets, double tick) {
  FrameTimes times{.count = std::ssize(packets), .tick = tick};
  std::stable_sort(packets.begin(), packets.end(),
                   [](const Packet& a, const Packet& b) { return a.time < b.time; });
  for (const auto& packet : packets) {
    if (packet.time == kHeedNoTime || (!times.stamps.empty() && times.stamps.back() == packet.time))
      return {};
    if (packet.is_key) times.keys.push_back(std::ssize(times.stamps));
    times.stamps.push_back(packet.time);
  }
  return times;
}

class VideoFile : public Video {
 public:
  VideoFile(fs::path file, const ImageOptions& options)
      : file_(std::move(file)), options_(options) {
    by_file([&] { begin(); });
    const double quarters = header_.turn / 90;
    if (quarters != std::floor(quarters)) {
      char turn[32];
      std::snprintf(turn, sizeof turn, "%.1f", header_.turn);
      throw DataError(file_.string() + ": it asks to be turned by " + turn +
                      " degrees; expected 0, 90, 180 or 270: convert it");
    }
    orientation_ = std::array{1, 6, 3, 8}[static_cast<size_t>(quarters)];
  }

  ImageShape shape() override {
    return oriented(
        ImageShape{options_.channels ? options_.channels : 3, header_.height, header_.width},
        orientation_);
  }

  FrameTimes times() override {
    return by_file([&] {
      std::vector<Packet> packets;
      decoding_->packets(take_packet, &packets);
      is_at_begin_ = false;
      if (packets.empty()) throw DataError("it has no frames");
      auto times = times_of(std::move(packets), header_.tick);
      if (times.count == 0) times.count = count_frames();
      return times;
    });
  }

  void read(const FrameTimes& times, const std::vector<int64_t>& numbers,
            const TakeFrame& take) override {
    for (const int64_t number : numbers)
      by_frame(number, times, [&] {
        times.stamps.empty() ? go_to_counted(number) : go_to(times, number);
        auto frame = oriented(decoding_->picture(header_), orientation_);
        take(options_.channels == 0 ? std::move(frame) : with_channels(frame, options_.channels));
      });
  }

 private:
  void begin() {
    decoding_ = std::make_unique<Decoding>(file_, options_.max_pixels);
    header_ = decoding_->shape();
    is_at_begin_ = true, has_sought_ = false, at_ = -1;
  }

  int64_t count_frames() {
    begin();
    int64_t count = 0;
    for (int64_t time; decoding_->next(time);) ++count;
    is_at_begin_ = false;
    if (count == 0) throw DataError("it has no frames");
    return count;
  }

  /// Decodes up to a frame of a file whose frames have no times.
  void go_to_counted(int64_t number) {
    if (number < at_ || (at_ < 0 && !is_at_begin_)) begin();
    for (int64_t time; at_ < number; ++at_)
      if (!decoding_->next(time)) throw DataError("the file ends before it");
  }

  /// Decodes up to a frame, from the last place before it where decoding can begin. Where a file leads elsewhere,
  /// from the beginning.
  void go_to(const FrameTimes& times, int64_t number) {
    const auto behind = std::upper_bound(times.keys.begin(), times.keys.end(), number);
    const int64_t key = behind == times.keys.begin() ? 0 : *(behind - 1);
    if (number < at_ || (at_ < 0 && !is_at_begin_)) begin();
    if (key > at_ + 1) {
      decoding_->seek(times.stamps[static_cast<size_t>(key)]);
      has_sought_ = true, at_ = -1, is_at_begin_ = false;
    }
    if (has_sought_ && try_to_decode(times, number)) return;
    if (has_sought_) begin();
    if (!decode_until(times, number)) throw DataError("the decoder gives no such picture");
  }

  /// The same where a failure may come of the place at which decoding began.
  bool try_to_decode(const FrameTimes& times, int64_t number) {
    try {
      return decode_until(times, number);
    } catch (const DataError&) {
      return false;
    }
  }

  /// False where the frames that come are later ones.
  bool decode_until(const FrameTimes& times, int64_t number) {
    const int64_t wanted = times.stamps[static_cast<size_t>(number)];
    if (at_ == number) return true;
    for (int64_t time; decoding_->next(time);) {
      if (time < wanted) continue;
      at_ = number;
      return time == wanted;
    }
    return false;
  }

  template <class Use>
  auto by_file(Use&& use) const -> decltype(use()) {
    try {
      return use();
    } catch (const DataError& error) {
      throw DataError(file_.string() + ": " + error.what());
    }
  }
  template <class Use>
  void by_frame(int64_t number, const FrameTimes& times, Use&& use) const {
    try {
      use();
    } catch (const DataError& error) {
      char time[32] = "";
      if (times.at(number) >= 0) std::snprintf(time, sizeof time, " (%.2f s)", times.at(number));
      throw DataError(file_.string() + ": frame " + std::to_string(number) + time + ": " +
                      error.what());
    }
  }

  fs::path file_;
  ImageOptions options_;
  std::unique_ptr<Decoding> decoding_;
  HeedVideoShape header_{};
  int orientation_ = 1;
  int64_t at_ = -1;  // the frame that was decoded last; -1: none, or nobody knows
  bool is_at_begin_ = false, has_sought_ = false;
};

}  // namespace

bool has_video_name(const fs::path& path) {
  static constexpr std::array kEndings = {".mp4",  ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg",
                                          ".mpeg", ".ts",  ".ogv",  ".flv", ".wmv", ".gif"};
  return has_ending(path, kEndings);
}

std::unique_ptr<Video> open_video_file(const fs::path& file, const ImageOptions& options) {
  return std::make_unique<VideoFile>(file, options);
}

}  // namespace heed::data
