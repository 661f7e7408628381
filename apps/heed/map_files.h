// Weights of `heed map` as files.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/image_maps.h"
#include "heed/lens/text_maps.h"
#include "verbs.h"

namespace heed::cli {

/// Writes --npy, where it is asked for. Throws UsageError where layers have other rows or columns, and
/// for more than 2^28 numbers.
void write_array(const MapFlags& flags, const lens::TextMaps& maps);
void write_array(const MapFlags& flags, const lens::ImageMaps& maps);

}  // namespace heed::cli
