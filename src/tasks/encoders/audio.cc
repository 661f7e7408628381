// Sound to a token every other frame.
#include "heed/models/audio_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class AudioEncoderPart : public WithOptions<EncoderPart, AudioEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto& shape = size_of(input, "audio", "audio", 2);
    return AudioEncoder(options, AudioShape{shape[0], shape[1]}).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_audio_encoder() { return std::make_shared<AudioEncoderPart>(); }

}  // namespace heed
