#include "tasks/inputs/image_stream.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostTogether = 1 << 21;  // pixels that a model reads at once
constexpr int64_t kMostKept = 256 << 20;    // bytes of large images that are answered together

/// The IDX file that an input means: itself, or the images of a prefix; empty where it means none.
fs::path idx_file(const std::string& input) {
  if (fs::path(input).filename().string().find("-idx3-ubyte") != std::string::npos) return input;
  if (kind_of(input) != PathKind::absent) return {};
  for (const char* ending : {"-images-idx3-ubyte", "-images-idx3-ubyte.gz"}) {
    if (kind_of(input + ending) == PathKind::file) return input + ending;
  }
  return {};
}

}  // namespace

void check_image_index(const std::string& input, int64_t index, const data::ImageDataset& images) {
  if (index >= images.size())
    throw UsageError(input + ": there is no image " + std::to_string(index) + ", expected 0.." +
                     std::to_string(images.size() - 1));
}

SplitPtr images_of_records(const data::RecordsPtr& records, const ImageInputOptionsPtr& options,
                           bool fitted) {
  const auto images = data::open_record_images(records, options->column,
                                               fitted ? options->fitting() : options->images);
  return std::make_shared<ImageSplit>(images, options, records);
}

int64_t ImageStream::together(int64_t most) const {
  const int64_t pixels = std::max<int64_t>(1, options_->known_shape().pixels());
  return std::clamp<int64_t>(kMostTogether / pixels, 1, most);
}

bool ImageStream::is_full() const { return list_ && list_->kept_bytes() >= kMostKept; }

SplitPtr ImageStream::give() {
  return std::make_shared<ImageSplit>(std::exchange(list_, nullptr), options_, false);
}

SplitPtr ImageStream::of_records(const data::RecordsPtr& records) const {
  return images_of_records(records, options_, true);
}

void ImageStream::take(const std::string& name, int64_t most) {
  if (!list_) list_ = std::make_shared<ImageList>(options_->fitting());
  if (!has_more()) {
    if (kind_of(name) == PathKind::folder)
      throw DataError(name + ": a folder; name the images in it, or pass their names by '-'");
    const auto idx = idx_file(name);
    if (idx.empty()) return list_->add(one(name), name);
    idx_ = data::read_idx_images(idx);
    idx_name_ = idx.string(), idx_next_ = 0;
  }
  const int64_t pixels = idx_->height * idx_->width;
  for (; has_more() && list_->size() < most; ++idx_next_) {
    const auto* first = idx_->values.data() + idx_next_ * pixels;
    const auto own = idx_name_ + "#" + std::to_string(idx_next_);
    list_->add({{1, idx_->height, idx_->width}, {first, first + pixels}}, own);
  }
}

data::Image ImageStream::one(const std::string& name) {
  const auto [prefix, index] = numbered(name);
  std::error_code error;
  if (index < 0 || fs::exists(name, error)) return data::read_source(name, options_->images);
  if (!numbered_ || numbered_prefix_ != prefix)
    numbered_ = data::open_images(prefix, options_->fitting()), numbered_prefix_ = prefix;
  check_image_index(name, index, *numbered_);
  return numbered_->source(index);
}

}  // namespace heed
