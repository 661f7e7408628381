// The part of a tokenizer that cuts the text into pieces, which the model takes one by one.
#pragma once

#include <memory>
#include <string>

#include "data/json_tokenizer/pieces.h"
#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void cut(Pieces& pieces) const = 0;

  /// Whether bytes are left as they are instead of being spelled in the byte-level alphabet, because the model knows. False
  /// where it does not end by spelling them.
  virtual bool leave_bytes(bool) { return false; }
};
using PreTokenizerPtr = std::unique_ptr<PreTokenizer>;

/// A pre-tokenizer of a file, by its type; null for null. Throws ModelError.
PreTokenizerPtr make_pre_tokenizer(const Json& value, const std::string& path,
                                   const std::string& file);

/// Those that change the text, too; null where `type` is another.
PreTokenizerPtr make_rewriting_pre_tokenizer(const std::string& type, const Json& value,
                                             const std::string& path, const std::string& file);

/// What Split and Punctuation do with what they find; the value is a Behavior.
Behavior read_behavior(const Reader& reader);

}  // namespace heed::data::json_tokenizer
