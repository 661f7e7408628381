// From JSON to the entries of a safetensors header: structure only.
#pragma once

#include <string>
#include <string_view>

#include "formats/safetensors_header.h"

namespace heed {

/// Throws ModelError where the text is not the JSON of such a header; what the values mean is not
/// checked here.
SafetensorsHeader parse_header_json(std::string_view json, const std::string& file);

}  // namespace heed
