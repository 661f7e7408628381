// The heads, a file each in heads/; src/tasks/registry.cc names them.
#pragma once

#include "heed/tasks/head.h"

namespace heed {

std::shared_ptr<Head> make_anomaly_head();
std::shared_ptr<Head> make_boxes_head();
std::shared_ptr<Head> make_class_head();
std::shared_ptr<Head> make_embedding_head();
std::shared_ptr<Head> make_forecast_head();
std::shared_ptr<Head> make_image_head();
std::shared_ptr<Head> make_labels_head();
std::shared_ptr<Head> make_masked_head();
std::shared_ptr<Head> make_number_head();
std::shared_ptr<Head> make_pixels_head();
std::shared_ptr<Head> make_ranking_head();
std::shared_ptr<Head> make_spans_head();
std::shared_ptr<Head> make_tags_head();
std::shared_ptr<Head> make_text_head();
std::shared_ptr<Head> make_transcript_head();

}  // namespace heed
