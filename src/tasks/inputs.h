// The inputs, a file each in inputs/; src/tasks/registry.cc names them.
#pragma once

#include "heed/tasks/input.h"

namespace heed {

std::shared_ptr<Input> make_audio_input();
std::shared_ptr<Input> make_corpus_input();
std::shared_ptr<Input> make_document_input();
std::shared_ptr<Input> make_image_input();
std::shared_ptr<Input> make_items_input();
std::shared_ptr<Input> make_parallel_input();
std::shared_ptr<Input> make_series_input();
std::shared_ptr<Input> make_stories_input();
std::shared_ptr<Input> make_table_input();
std::shared_ptr<Input> make_text_input();
std::shared_ptr<Input> make_video_input();
std::shared_ptr<Input> make_words_input();

}  // namespace heed
