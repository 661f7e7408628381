// The encoders of recipes, a file each in encoders/; src/tasks/registry.cc names them.
#pragma once

#include "heed/tasks/encoder_part.h"

namespace heed {

std::shared_ptr<EncoderPart> make_audio_encoder();
std::shared_ptr<EncoderPart> make_document_encoder();
std::shared_ptr<EncoderPart> make_image_encoder();
std::shared_ptr<EncoderPart> make_items_encoder();
std::shared_ptr<EncoderPart> make_joint_encoder();
std::shared_ptr<EncoderPart> make_no_encoder();
std::shared_ptr<EncoderPart> make_query_reduction();
std::shared_ptr<EncoderPart> make_recurrent_encoder();
std::shared_ptr<EncoderPart> make_series_encoder();
std::shared_ptr<EncoderPart> make_table_encoder();
std::shared_ptr<EncoderPart> make_text_encoder();
std::shared_ptr<EncoderPart> make_unet_encoder();
std::shared_ptr<EncoderPart> make_video_encoder();

}  // namespace heed
