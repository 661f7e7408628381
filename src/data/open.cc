#include "data/open.h"

#include "core/bytes.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

void check(const ImageOptions& options) {
  const auto& size = options.size;
  if (!size.empty() && (size.size() != 2 || size[0] < 1 || size[1] < 1))
    throw UsageError("input.size: expected [height, width], both at least 1");
  if (options.channels != 0 && options.channels != 1 && options.channels != 3)
    throw UsageError("input.channels: expected 0, 1 or 3, given " +
                     std::to_string(options.channels));
}

}  // namespace

ImageShape fitted(const ImageShape& shape, const ImageOptions& options) {
  check(options);
  return {options.channels ? options.channels : shape.channels,
          options.size.empty() ? shape.height : options.size[0],
          options.size.empty() ? shape.width : options.size[1]};
}

Image fit(Image image, const ImageOptions& options) {
  const ImageShape to = fitted(image.shape, options);
  if (to.channels != image.shape.channels) image = with_channels(image, to.channels);
  if (to == image.shape) return image;
  Image out{to, std::vector<uint8_t>(static_cast<size_t>(to.values()))};
  draw_placement(image, fitted_placement(image.shape, to, options.fit), options.resample, out);
  return out;
}

void check_index(int64_t index, int64_t size) {
  if (index < 0 || index >= size)
    throw UsageError("record " + std::to_string(index) + " of a dataset of " +
                     std::to_string(size) + ": expected 0 .. " + std::to_string(size - 1));
}

Images open_any(const std::filesystem::path& path, const ImageOptions& options,
                Problems& problems) {
  check(options);
  return kind_of(path) == PathKind::folder ? open_folder(path, options, problems)
                                           : open_idx(path, options, problems);
}

Image read_source(const std::filesystem::path& file, const ImageOptions& options) {
  auto numbered = image_of_idx(file);
  auto image = numbered ? *std::move(numbered) : read_image(file, {.pixels = options.max_pixels});
  return options.channels == 0 ? image : with_channels(image, options.channels);
}

ImageShape read_source_shape(const std::filesystem::path& file, const ImageOptions& options) {
  constexpr int64_t kHead = 64 << 10;  // bytes that nearly every header fits in
  constexpr int64_t kLargestFile = 1ll << 30;
  const ImageLimits limits{.pixels = options.max_pixels};
  ImageShape shape;
  if (const auto numbered = image_of_idx(file)) {
    shape = numbered->shape;
    if (options.channels != 0) shape.channels = options.channels;
    return shape;
  }
  try {
    shape = image_shape(read_first_bytes(file, kHead), file.string(), limits);
  } catch (const DataError&) {  // perhaps the header is longer; if not, the error is the same
    shape = image_shape(read_bytes(file, kLargestFile), file.string(), limits);
  }
  if (options.channels != 0) shape.channels = options.channels;
  return shape;
}

Images open_images(const std::filesystem::path& path, const ImageOptions& options) {
  Problems first_is_thrown;
  return open_any(path, options, first_is_thrown);
}

}  // namespace heed::data
