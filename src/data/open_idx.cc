#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/data/idx.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

class IdxDataset : public ImageDataset {
 public:
  IdxDataset(IdxImages images, std::vector<uint8_t> labels, std::vector<std::string> classes,
             std::string file, ImageOptions options)
      : images_(std::move(images)),
        labels_(std::move(labels)),
        classes_(std::move(classes)),
        file_(std::move(file)),
        options_(std::move(options)) {}

  int64_t size() const override { return images_.count; }
  ImageShape shape() const override { return fitted(stored(), options_); }
  const std::vector<std::string>& classes() const override { return classes_; }

  Image image(int64_t index) const override { return fit(stored_image(index), options_); }
  Image source(int64_t index) const override {
    auto image = stored_image(index);
    return options_.channels == 0 ? image : with_channels(image, options_.channels);
  }
  ImageShape source_shape(int64_t) const override {
    return {shape().channels, images_.height, images_.width};
  }

  int64_t label(int64_t index) const override {
    check_index(index, size());
    return labels_[static_cast<size_t>(index)];
  }

  std::string name(int64_t index) const override {
    return file_ + " record " + std::to_string(index);
  }

 private:
  ImageShape stored() const { return {1, images_.height, images_.width}; }
  Image stored_image(int64_t index) const {
    check_index(index, size());
    const int64_t bytes = stored().values();
    const auto first = images_.values.begin() + index * bytes;
    return {stored(), std::vector<uint8_t>(first, first + bytes)};
  }

  IdxImages images_;
  std::vector<uint8_t> labels_;
  std::vector<std::string> classes_;
  std::string file_;
  ImageOptions options_;
};

/// PREFIX-images-idx3-ubyte or PREFIX-labels-idx1-ubyte, with or without .gz.
fs::path find(const fs::path& prefix, const char* suffix) {
  const fs::path plain = prefix.string() + suffix, packed = plain.string() + ".gz";
  if (kind_of(plain) != PathKind::absent) return plain;
  if (kind_of(packed) != PathKind::absent) return packed;
  throw FileError("open " + plain.filename().string() + " or " + packed.filename().string() +
                      " (the IDX files of the prefix, or a folder of one folder per class) in",
                  prefix.has_parent_path() ? prefix.parent_path() : ".", ENOENT);
}

/// 0 .. K-1 as text, K the first label that no record has: a damaged label would otherwise make
/// classes that nothing belongs to.
std::vector<std::string> count_classes(const std::vector<uint8_t>& labels) {
  std::array<bool, 256> seen{};
  for (const uint8_t label : labels) seen[label] = true;
  std::vector<std::string> classes;
  while (classes.size() < seen.size() && seen[classes.size()])
    classes.push_back(std::to_string(classes.size()));
  return classes;
}

/// `expected` says which labels there may be, and why.
void check_labels(const std::vector<uint8_t>& labels, size_t classes, const std::string& expected,
                  const std::string& file, Problems& problems) {
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] >= classes)
      problems.add(file + ": record " + std::to_string(i) + ": label " + std::to_string(labels[i]) +
                   " is out of range: " + expected);
}

/// IDX files whose images are named one by one, the newest first.
struct KeptIdx {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::shared_ptr<const IdxImages>>> sets;

  std::shared_ptr<const IdxImages> open(const std::string& prefix) {
    constexpr size_t kMost = 2;  // training's and another's
    const std::lock_guard lock(mutex);
    const auto known = std::find_if(sets.begin(), sets.end(),
                                    [&](const auto& set) { return set.first == prefix; });
    if (known != sets.end()) return known->second;
    auto images = std::make_shared<IdxImages>(read_idx_images(find(prefix, "-images-idx3-ubyte")));
    sets.emplace(sets.begin(), prefix, images);
    sets.resize(std::min(kMost, sets.size()));
    return images;
  }
};

}  // namespace

std::optional<Image> image_of_idx(const fs::path& named) {
  const auto text = named.string();
  const size_t colon = text.rfind(':');
  const auto number = colon == text.npos ? "" : text.substr(colon + 1);
  const bool is_number =
      !number.empty() && number.size() < 19 &&
      std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || kind_of(named) != PathKind::absent) return std::nullopt;
  static KeptIdx kept;
  const auto images = kept.open(text.substr(0, colon));
  const int64_t at = std::stoll(number);
  if (at >= images->count)
    throw DataError(text + ": there is no image " + number + ", expected 0.." +
                    std::to_string(images->count - 1));
  const ImageShape shape{1, images->height, images->width};
  const auto first = images->values.begin() + at * shape.values();
  return Image{shape, {first, first + shape.values()}};
}

Images open_idx(const fs::path& prefix, const ImageOptions& options, Problems& problems) {
  const fs::path image_file = find(prefix, "-images-idx3-ubyte");
  const fs::path label_file = find(prefix, "-labels-idx1-ubyte");
  std::vector<uint8_t> labels;
  IdxImages images;
  const auto attempt = [&](auto read) {  // both files are looked at, even where one is wrong
    try {
      read();
      return true;
    } catch (const DataError& error) {
      problems.add_caught(error);
      return false;
    }
  };
  const bool labels_read = attempt([&] { labels = read_idx_labels(label_file); });
  const bool images_read = attempt([&] { images = read_idx_images(image_file); });
  if (!labels_read || !images_read) return nullptr;
  if (static_cast<int64_t>(labels.size()) != images.count) {
    problems.add(label_file.string() + ": " + std::to_string(labels.size()) + " labels, but " +
                 image_file.string() + " has " + std::to_string(images.count) +
                 " images; download both again");
    return nullptr;
  }
  const bool named = !options.classes.empty();
  auto classes = named ? options.classes : count_classes(labels);
  const std::string count = std::to_string(classes.size());
  check_labels(labels, classes.size(),
               named ? "input.classes names " + count + " classes; correct the label or name more"
                     : "labels must be 0, 1, .. without a gap, but no record has label " + count +
                           "; correct the labels or name all classes (input.classes)",
               label_file.string(), problems);
  return std::make_shared<IdxDataset>(std::move(images), std::move(labels), std::move(classes),
                                      image_file.string(), options);
}

}  // namespace heed::data
