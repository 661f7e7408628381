// Texts to a token a piece.
#include "heed/models/text_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class TextEncoderPart : public WithOptions<EncoderPart, TextEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto size = [&](const char* name) { return size_of(input, name, "text").front(); };
    return TextEncoder(options, TextShape{size("vocabulary"), size("segments"), size("unknown")})
        .ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_text_encoder() { return std::make_shared<TextEncoderPart>(); }

}  // namespace heed
