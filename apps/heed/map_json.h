// Maps as JSON.
#pragma once

#include "heed/lens/alignment.h"
#include "heed/lens/image_maps.h"
#include "heed/lens/text_maps.h"
#include "output.h"

namespace heed::cli {

/// `said` with the grid and the maps of an image.
Json json_of_image(Json said, const lens::ImageMaps& maps, int64_t first_head);

/// Prints `said` with maps as one line. Weights are written as they are computed, so that a long
/// text needs no memory of all.
void print_text_json(Json said, const lens::TextMaps& maps, const lens::Alignment* alignment);

}  // namespace heed::cli
