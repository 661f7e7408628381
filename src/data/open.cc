#include "data/open.h"

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
  if (to != image.shape) image = resize(image, to.height, to.width);
  return image;
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

Images open_images(const std::filesystem::path& path, const ImageOptions& options) {
  Problems first_is_thrown;
  return open_any(path, options, first_is_thrown);
}

}  // namespace heed::data
