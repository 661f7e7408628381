// The key "pattern" of Split and Replace.
#pragma once

#include "data/json_tokenizer/pattern.h"
#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

/// {"String": "..."} or {"Regex": "..."}. Throws ModelError with file and path.
Pattern read_pattern(const Reader& component);

/// Puts `what` in front of a text that is not empty. Its first character comes from the text's first, as tokenizers has it.
inline void prepend(std::string_view what, std::string_view text, const uint32_t* origins,
                    Text& to) {
  to.bytes += what;
  to.origin.resize(to.bytes.size(), origins[0]);
  to.append(text, origins);
}

}  // namespace heed::data::json_tokenizer
