#include "data/file_images.h"

#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::data {

void FileImages::find_shape(bool strict) {
  if (!options_.size.empty() && options_.channels != 0) {
    shape_ = fitted({}, options_);
    return;
  }
  for (; like_ < size(); ++like_) {
    try {
      shape_ = fitted(source_shape(like_), options_);
      break;
    } catch (const Error&) {
      if (strict) throw;
    }
  }
  if (strict)
    parallel_for(size(), [&](int64_t i) { check_shape(fitted(source_shape(i), options_), i); });
}

Image FileImages::image(int64_t index) const {
  Image image = fit(source(index), options_);
  check_shape(image.shape, index);
  return image;
}

void FileImages::check_shape(const ImageShape& shape, int64_t index) const {
  if (shape == shape_) return;
  throw DataError(name(index) + " has " + to_text(shape) + " (channels x height x width), but " +
                  name(like_) + " has " + to_text(shape_) +
                  "; give input.size = [height, width] and input.channels to convert all");
}

}  // namespace heed::data
