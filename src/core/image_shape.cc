#include "heed/core/image_shape.h"

namespace heed {

std::string to_text(const ImageShape& shape) {
  return std::to_string(shape.channels) + " x " + std::to_string(shape.height) + " x " +
         std::to_string(shape.width);
}

}  // namespace heed
