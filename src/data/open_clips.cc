// Datasets of clips.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "data/class_folders.h"
#include "data/open.h"
#include "data/video_parts.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

/// A clip of a dataset.
struct NamedClip {
  fs::path path;
  int64_t label = -1;
  std::string prefix = {};  // of messages: the record and the column that name it
};

class ClipFiles : public ClipDataset {
 public:
  ClipFiles(std::vector<NamedClip> clips, std::vector<std::string> classes,
            const ClipOptions& options)
      : clips_(std::move(clips)),
        classes_(std::move(classes)),
        options_(options),
        seen_(std::make_unique<Seen[]>(clips_.size())),
        left_(options.keep) {
    find_shape();
  }

  int64_t size() const override { return std::ssize(clips_); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int64_t label(int64_t index) const override { return clip(index).label; }
  std::string name(int64_t index) const override { return clip(index).path.string(); }
  ImageShape frame_shape() const override { return shape_; }
  ImageShape shape() const override {
    return {shape_.channels, shape_.height, shape_.width * options_.choice.frames};
  }

  const FrameTimes& times(int64_t index) const override {
    auto& seen = seen_of(index);
    const std::scoped_lock lock(seen.mutex);
    return times_of(index, seen);
  }

  std::vector<Image> frames(int64_t index, const std::vector<int64_t>& numbers) const override {
    auto& seen = seen_of(index);
    const std::scoped_lock lock(seen.mutex);
    const auto& times = times_of(index, seen);
    if (seen.kept.empty() && !take_room(times.count)) return decoded(index, times, numbers);
    if (seen.kept.empty()) {
      std::vector<int64_t> all(static_cast<size_t>(times.count));
      std::iota(all.begin(), all.end(), int64_t{0});
      seen.kept = decoded(index, times, all);
    }
    std::vector<Image> chosen;
    for (const int64_t number : numbers)
      chosen.push_back(seen.kept.at(static_cast<size_t>(number)));
    return chosen;
  }

  /// Its frames that are chosen without drawing, side by side.
  Image image(int64_t index) const override {
    const auto& own = times(index);
    const auto chosen =
        by_clip(index, [&] { return chosen_of(name(index), own.count, options_.choice); });
    return side_by_side(frames(index, chosen));
  }

 private:
  /// What is known of a clip by now.
  struct Seen {
    std::mutex mutex;
    FrameTimes times;  // none: not read yet
    std::vector<Image> kept;
  };

  const NamedClip& clip(int64_t index) const {
    check_index(index, size());
    return clips_[static_cast<size_t>(index)];
  }
  Seen& seen_of(int64_t index) const {
    check_index(index, size());
    return seen_[static_cast<size_t>(index)];
  }

  /// What is wrong with a clip is said with the record and the column that name it.
  template <class Use>
  auto by_clip(int64_t index, Use&& use) const -> decltype(use()) {
    const auto& prefix = clip(index).prefix;
    if (prefix.empty()) return use();
    try {
      return use();
    } catch (const DataError& error) {
      throw DataError(prefix + error.what());
    }
  }

  const FrameTimes& times_of(int64_t index, Seen& seen) const {
    if (seen.times.count == 0)
      seen.times =
          by_clip(index, [&] { return open_video(clip(index).path, options_.images)->times(); });
    return seen.times;
  }

  std::vector<Image> decoded(int64_t index, const FrameTimes& times,
                             const std::vector<int64_t>& numbers) const {
    return by_clip(index, [&] {
      std::vector<Image> all;
      open_video(clip(index).path, options_.images)->read(times, numbers, [&](Image frame) {
        all.push_back(fit(std::move(frame), options_.images));
        check_shape(all.back().shape, index);
      });
      return all;
    });
  }

  /// Whether so many frames may be kept, too.
  bool take_room(int64_t count) const {
    const int64_t bytes = count * shape_.values();
    int64_t left = left_;
    while (left >= bytes)
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    return false;
  }

  ImageShape fitted_shape(int64_t index) const {
    return by_clip(index, [&] {
      return fitted(open_video(clip(index).path, options_.images)->shape(), options_.images);
    });
  }

  void find_shape() {
    if (!options_.images.size.empty() && options_.images.channels != 0) {
      shape_ = fitted({}, options_.images);
    } else if (size() > 0) {
      shape_ = fitted_shape(0);
      parallel_for(size(), [&](int64_t i) { check_shape(fitted_shape(i), i); });
    }
  }

  void check_shape(const ImageShape& shape, int64_t index) const {
    if (shape == shape_) return;
    throw DataError(name(index) + " has frames of " + to_text(shape) +
                    " (channels x height x width), but " + name(0) + " of " + to_text(shape_) +
                    "; give input.size = [height, width] and input.channels to convert all");
  }

  std::vector<NamedClip> clips_;
  std::vector<std::string> classes_;
  ClipOptions options_;
  ImageShape shape_;  // of a frame
  std::unique_ptr<Seen[]> seen_;
  mutable std::atomic<int64_t> left_;  // bytes that may be kept
};

class ClipSubset : public ClipDataset {
 public:
  ClipSubset(Clips all, std::vector<int64_t> indices)
      : all_(std::move(all)), indices_(std::move(indices)) {
    for (const int64_t index : indices_) check_index(index, all_->size());
  }
  int64_t size() const override { return std::ssize(indices_); }
  ImageShape shape() const override { return all_->shape(); }
  ImageShape frame_shape() const override { return all_->frame_shape(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  Image image(int64_t index) const override { return all_->image(in_all(index)); }
  int64_t label(int64_t index) const override { return all_->label(in_all(index)); }
  std::string name(int64_t index) const override { return all_->name(in_all(index)); }
  const FrameTimes& times(int64_t index) const override { return all_->times(in_all(index)); }
  std::vector<Image> frames(int64_t index, const std::vector<int64_t>& numbers) const override {
    return all_->frames(in_all(index), numbers);
  }

 private:
  int64_t in_all(int64_t index) const {
    check_index(index, size());
    return indices_[static_cast<size_t>(index)];
  }

  Clips all_;
  std::vector<int64_t> indices_;
};

bool holds_images(const fs::path& folder) {
  const auto entries = sorted_entries(folder);
  return std::any_of(entries.begin(), entries.end(), has_image_name);
}

/// The clips under a folder at any depth, in order: video files, and folders that hold images.
void find_clips(const fs::path& folder, const fs::path& top, Problems& problems,
                std::vector<fs::path>& found) {
  if (lies_in_itself(folder, top, problems)) return;
  for (const fs::path& entry : sorted_entries(folder)) {
    const auto kind = kind_in(entry, problems);
    if (kind == PathKind::absent) continue;
    if (kind == PathKind::folder && !holds_images(entry))
      find_clips(entry, top, problems, found);
    else if (kind == PathKind::folder || has_video_name(entry))
      found.push_back(entry);
    else
      problems.add(entry.string() +
                   ": not named as a video (.mp4, .mkv ...), and frames lie in a folder a clip; "
                   "rename, move or remove it");
  }
}

}  // namespace

Clips open_clips(const fs::path& folder, const ClipOptions& options) {
  if (kind_of(folder) != PathKind::folder)
    throw DataError(folder.string() +
                    ": expected a folder of one folder a class, each with clips, or a file of "
                    "records that name clips");
  Problems first_is_thrown;
  auto found = find_classes(folder, options.images.classes,
                            "clips (video files, folders of frames)", find_clips, first_is_thrown);
  if (found.found.empty())
    throw DataError(folder.string() +
                    ": expected one folder per class, each with clips, found none");
  std::vector<NamedClip> clips;
  for (auto& each : found.found) clips.push_back({std::move(each.path), each.label});
  return std::make_shared<ClipFiles>(std::move(clips), std::move(found.classes), options);
}

Clips open_record_clips(RecordsPtr records, const std::string& column, const ClipOptions& options) {
  const auto number = records->column(column);
  std::vector<NamedClip> clips;
  for (int64_t i = 0; i < records->size(); ++i) {
    const auto place = records->place(i);
    clips.push_back({named_file(std::string(records->text(i, number)), place, column), -1,
                     place + ": " + column + ": "});
  }
  return std::make_shared<ClipFiles>(std::move(clips), std::vector<std::string>(), options);
}

Clips subset(Clips dataset, std::vector<int64_t> indices) {
  return std::make_shared<ClipSubset>(std::move(dataset), std::move(indices));
}

}  // namespace heed::data
