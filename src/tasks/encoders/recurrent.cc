// Texts to a token a piece by an LSTM or GRU.
#include "heed/models/recurrent_encoder.h"

#include "tasks/encoders.h"
#include "tasks/encoders/text_shape.h"

namespace heed {
namespace {

class RecurrentEncoderPart : public WithOptions<EncoderPart, RecurrentEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    return RecurrentEncoder(options, text_shape(input, "recurrent")).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_recurrent_encoder() {
  return std::make_shared<RecurrentEncoderPart>();
}

}  // namespace heed
