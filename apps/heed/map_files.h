// Figures and weights of `heed map` as files.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/drawing.h"
#include "heed/lens/image_maps.h"
#include "heed/lens/text_maps.h"
#include "verbs.h"

namespace heed::cli {

/// The files that are to be written; empty names are none.
std::vector<std::string> files_of(const MapFlags& flags);

bool wants_drawing(const MapFlags& flags);

/// Writes the drawing as each kind that is asked for, and what no font has to standard error.
void write_drawing(const MapFlags& flags, const lens::Drawing& drawing);

/// Writes --npy, where it is asked for. Throws UsageError where layers have other rows or columns, and
/// for more than 2^28 numbers.
void write_array(const MapFlags& flags, const lens::TextMaps& maps);
void write_array(const MapFlags& flags, const lens::ImageMaps& maps);

}  // namespace heed::cli
