// Texts to a token a piece.
#include "heed/models/text_encoder.h"

#include "tasks/encoders.h"
#include "tasks/encoders/text_shape.h"

namespace heed {
namespace {

class TextEncoderPart : public WithOptions<EncoderPart, TextEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    return TextEncoder(options, text_shape(input, "text")).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_text_encoder() { return std::make_shared<TextEncoderPart>(); }

}  // namespace heed
