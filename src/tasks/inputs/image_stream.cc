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

SplitPtr ImageStream::next(int64_t most) {
  const int64_t pixels = std::max<int64_t>(1, options_->known_shape().pixels());
  most = std::clamp<int64_t>(kMostTogether / pixels, 1, most);
  if (records_) {
    if (auto some = records_->next(most)) return some;
    records_.reset();
  }
  auto list = std::make_shared<ImageList>(options_->fitting());
  std::string name;
  try {
    while (list->size() < most && list->kept_bytes() < kMostKept &&
           (has_idx() || (!error_ && names_.next(name, list->size() > 0))))
      add(*list, name, most);
  } catch (const Error&) {
    // What stands before a bad input is answered before it is reported.
    if (list->size() == 0) throw;
    error_ = std::current_exception();
  }
  if (list->size() > 0) return std::make_shared<ImageSplit>(list, options_, false);
  if (error_) std::rethrow_exception(error_);
  const auto file = names_.take_records();
  if (file.empty()) return nullptr;
  open_records(file);
  return next(most);
}

void ImageStream::open_records(const std::string& file) {
  records_.emplace(
      std::vector{file}, record_options_, "",
      [options = options_](const Source& source) {
        return images_of_records(source.records, options, true);
      },
      data::RecordFormat::by_name);
}

void ImageStream::add(ImageList& list, const std::string& name, int64_t most) {
  if (!has_idx()) {
    if (kind_of(name) == PathKind::folder)
      throw DataError(name + ": a folder; name the images in it, or pass their names by '-'");
    const auto idx = idx_file(name);
    if (idx.empty()) return list.add(one(name), name);
    idx_ = data::read_idx_images(idx);
    idx_name_ = idx.string(), idx_next_ = 0;
  }
  const int64_t pixels = idx_->height * idx_->width;
  for (; has_idx() && list.size() < most; ++idx_next_) {
    const auto* first = idx_->values.data() + idx_next_ * pixels;
    const auto own = idx_name_ + "#" + std::to_string(idx_next_);
    list.add({{1, idx_->height, idx_->width}, {first, first + pixels}}, own);
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
