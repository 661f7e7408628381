// Grapheme clusters (UAX 29): what a reader takes for one character.
#pragma once

#include <cstddef>
#include <string_view>

namespace heed::data::json_tokenizer {

/// Where the extended grapheme cluster that begins at `at` ends. Conjuncts of Indic scripts (GB9c) are not joined: they have
/// more bytes than those who ask look at.
size_t grapheme_end(std::string_view text, size_t at);

}  // namespace heed::data::json_tokenizer
