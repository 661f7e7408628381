// Windows of series to a token a patch of a channel, or a token a channel.
#include "heed/models/series_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class SeriesEncoderPart : public WithOptions<EncoderPart, SeriesEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto& sizes = size_of(input, "series", "series", 6);
    SeriesShape shape;
    shape.channels = sizes[0], shape.past = sizes[1], shape.known = sizes[2];
    shape.future = sizes[3], shape.observed = sizes[4] != 0;
    return SeriesEncoder(options, shape).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_series_encoder() { return std::make_shared<SeriesEncoderPart>(); }

}  // namespace heed
