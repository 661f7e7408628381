// Texts to a token a piece.
#include "heed/models/text_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class TextEncoderPart : public WithOptions<EncoderPart, TextEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto size = [&](const char* name) { return size_of(input, name, "text").front(); };
    TextShape shape;
    shape.vocabulary = size("vocabulary");
    shape.segments = size("segments");
    shape.unknown = size("unknown");
    if (input.contains("features")) shape.features = size("features");
    return TextEncoder(options, shape).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_text_encoder() { return std::make_shared<TextEncoderPart>(); }

}  // namespace heed
