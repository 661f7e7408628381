// What an input of texts tells its encoders.
#pragma once

#include "heed/models/text_embedding.h"
#include "heed/tasks/encoder_part.h"

namespace heed {

inline TextShape text_shape(const Sizes& input, const char* encoder) {
  const auto size = [&](const char* name) { return size_of(input, name, encoder).front(); };
  TextShape shape;
  shape.vocabulary = size("vocabulary");
  shape.segments = size("segments");
  shape.unknown = size("unknown");
  if (input.contains("features")) shape.features = size("features");
  return shape;
}

}  // namespace heed
