// Every input, encoder and head that a recipe may name: one line each.
#include "tasks/encoders.h"
#include "tasks/heads.h"
#include "tasks/inputs.h"

// clang-format off
// A line each, so that two that are added do not meet.

namespace heed {

template <>
const Registry<Input>& registry() {
  static const Registry<Input> all{
      {"audio", make_audio_input},
      {"corpus", make_corpus_input},
      {"document", make_document_input},
      {"image", make_image_input},
      {"items", make_items_input},
      {"parallel", make_parallel_input},
      {"series", make_series_input},
      {"stories", make_stories_input},
      {"table", make_table_input},
      {"text", make_text_input},
      {"video", make_video_input},
      {"words", make_words_input},
  };
  return all;
}

template <>
const Registry<EncoderPart>& registry() {
  static const Registry<EncoderPart> all{
      {"audio", make_audio_encoder},
      {"document", make_document_encoder},
      {"image", make_image_encoder},
      {"items", make_items_encoder},
      {"joint", make_joint_encoder},
      {"none", make_no_encoder},
      {"query_reduction", make_query_reduction},
      {"recurrent", make_recurrent_encoder},
      {"series", make_series_encoder},
      {"table", make_table_encoder},
      {"text", make_text_encoder},
      {"unet", make_unet_encoder},
      {"video", make_video_encoder},
  };
  return all;
}

template <>
const Registry<Head>& registry() {
  static const Registry<Head> all{
      {"anomaly", make_anomaly_head},
      {"boxes", make_boxes_head},
      {"class", make_class_head},
      {"embedding", make_embedding_head},
      {"forecast", make_forecast_head},
      {"image", make_image_head},
      {"labels", make_labels_head},
      {"masked", make_masked_head},
      {"number", make_number_head},
      {"pixels", make_pixels_head},
      {"ranking", make_ranking_head},
      {"spans", make_spans_head},
      {"tags", make_tags_head},
      {"text", make_text_head},
      {"transcript", make_transcript_head},
  };
  return all;
}

}  // namespace heed
