// Clips to a token a frame.
#include "heed/models/video_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class VideoEncoderPart : public WithOptions<EncoderPart, VideoEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const auto& shape = size_of(input, "video", "video", 4);
    return VideoEncoder(options, VideoShape{shape[0], {shape[1], shape[2], shape[3]}}).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_video_encoder() { return std::make_shared<VideoEncoderPart>(); }

}  // namespace heed
