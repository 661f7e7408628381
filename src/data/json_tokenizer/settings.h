// The keys "truncation" and "padding" of a file.
#pragma once

#include <optional>

#include "data/json_tokenizer/reader.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data::json_tokenizer {

/// Both throw ModelError; none for null or where the key is missing.
std::optional<Truncation> read_truncation(const Json& root, const std::string& file);
std::optional<Padding> read_padding(const Json& root, const std::string& file);

}  // namespace heed::data::json_tokenizer
