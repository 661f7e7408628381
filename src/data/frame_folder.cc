// A folder of frames.
#include <algorithm>
#include <cctype>

#include "data/class_folders.h"
#include "data/video_parts.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

bool is_decimal(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The digits of the number at `at`, without zeros before it; `at` moves behind it.
std::string_view take_number(std::string_view text, size_t& at) {
  while (at < text.size() && text[at] == '0') ++at;
  const size_t begin = at;
  while (at < text.size() && is_decimal(text[at])) ++at;
  return text.substr(begin, at - begin);
}

class FrameFolder : public Video {
 public:
  FrameFolder(fs::path folder, const ImageOptions& options)
      : folder_(std::move(folder)), options_(options) {
    for (const auto& entry : sorted_entries(folder_)) {
      if (!has_image_name(entry))
        throw DataError(entry.string() +
                        ": lies among the frames of a clip, not named as an image"
                        " (.png, .jpg, .jpeg); convert or remove it");
      frames_.push_back(entry);
    }
    if (frames_.empty())
      throw DataError(
          folder_.string() +
          ": a folder without images (.png, .jpg, .jpeg); expected the frames of a clip");
    sort_naturally(frames_);
  }

  FrameTimes times() override { return {.count = std::ssize(frames_)}; }
  ImageShape shape() override { return read_source_shape(frames_.front(), options_); }

  void read(const FrameTimes&, const std::vector<int64_t>& numbers,
            const TakeFrame& take) override {
    const auto wanted = shape();
    for (const int64_t number : numbers) {
      const auto& file = frames_.at(static_cast<size_t>(number));
      auto frame = read_source(file, options_);
      if (frame.shape != wanted)
        throw DataError(file.string() + " has " + to_text(frame.shape) +
                        " (channels x height x width), but the clip's first frame has " +
                        to_text(wanted) + "; all frames of a clip must be alike");
      take(std::move(frame));
    }
  }

 private:
  fs::path folder_;
  ImageOptions options_;
  std::vector<fs::path> frames_;
};

}  // namespace

bool in_natural_order(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_decimal(a[i]) || !is_decimal(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
      continue;
    }
    const auto x = take_number(a, i), y = take_number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (i == a.size() && j == b.size()) return a < b;  // numbers with other zeros before them
  return i == a.size();
}

void sort_naturally(std::vector<fs::path>& files) {
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return in_natural_order(a.filename().string(), b.filename().string());
  });
}

std::unique_ptr<Video> open_frame_folder(const fs::path& folder, const ImageOptions& options) {
  return std::make_unique<FrameFolder>(folder, options);
}

}  // namespace heed::data
