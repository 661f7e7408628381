// The part of a tokenizer that makes a text of tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Changes tokens into parts of the text, which are joined afterwards.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
};
using DecoderPtr = std::unique_ptr<Decoder>;

/// A decoder of a file, by its type; null for null. Throws ModelError.
DecoderPtr make_decoder(const Json& value, const std::string& path, const std::string& file);

/// Every part of a text that is `what` by `by`; nothing is looked for in what was put in.
std::string replaced(std::string_view text, std::string_view what, std::string_view by);

/// Bytes as UTF-8, U+FFFD for each part that is none (the longest beginning of a character, as WHATWG says).
std::string as_utf8(std::string_view bytes);

}  // namespace heed::data::json_tokenizer
