// What a Metaspace is told, as a pre-tokenizer and as a decoder.
#pragma once

#include <cstdint>
#include <string>

#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

/// Which pieces get a blank in front.
enum class PrependScheme { first, never, always };

struct MetaspaceOptions {
  uint32_t replacement = 0x2581;
  PrependScheme scheme = PrependScheme::always;
  bool split = true;
};

/// Throws ModelError.
MetaspaceOptions read_metaspace(const Json& value, const std::string& path,
                                const std::string& file);

}  // namespace heed::data::json_tokenizer
