// Images to a vector a pixel.
#include "heed/models/unet_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class UNetEncoderPart : public WithOptions<EncoderPart, UNetEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto& shape = size_of(input, "image", "unet", 3);
    return UNetEncoder(options, ImageShape{shape[0], shape[1], shape[2]}).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_unet_encoder() { return std::make_shared<UNetEncoderPart>(); }

}  // namespace heed
