// Images to a token a patch.
#include "heed/models/image_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class ImageEncoderPart : public WithOptions<EncoderPart, ImageEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto& shape = size_of(input, "image", "image", 3);
    return ImageEncoder(options, ImageShape{shape[0], shape[1], shape[2]}).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_image_encoder() { return std::make_shared<ImageEncoderPart>(); }

}  // namespace heed
