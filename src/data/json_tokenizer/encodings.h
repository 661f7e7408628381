// Encodings put together, cut and filled.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "heed/data/json_tokenizer.h"

namespace heed::data::json_tokenizer {

/// Appends one that is behind another; what overflows of either is paired with the other.
void append(Encoding& to, const Encoding& more);
/// Appends a token that is put in.
void append_special(Encoding& to, int64_t id, const std::string& token, int64_t type_id);

void truncate(Encoding& encoding, int64_t length, const Truncation& how);
/// Cuts one or two encodings to how.max_length tokens together. Throws UsageError.
void truncate_all(std::vector<Encoding>& encodings, const Truncation& how);

/// Calls take(one) for an encoding and all that overflows of it.
template <class Take>
void for_each_part(Encoding& encoding, Take&& take) {
  take(encoding);
  for (auto& part : encoding.overflowing) take(part);
}

}  // namespace heed::data::json_tokenizer
