// The part of a tokenizer that changes the text first.
#pragma once

#include <memory>
#include <string>

#include "data/json_tokenizer/pieces.h"
#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void normalize(Text& text) const = 0;
};
using NormalizerPtr = std::unique_ptr<Normalizer>;

/// A normalizer of a file, by its type; null for null. Throws ModelError.
NormalizerPtr make_normalizer(const Json& value, const std::string& path, const std::string& file);

NormalizerPtr make_bert_normalizer(const Reader& reader);
NormalizerPtr make_precompiled(const Reader& reader);

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
/// Unicode's normalization forms (UAX 15), as of Unicode 9.
void normalize(Text& text, UnicodeForm form);
/// Every character's own lower case.
void make_lower(Text& text);
/// Replaces characters one by one: to(code).
template <class To>
void map_characters(Text& text, To&& to) {
  std::vector<Changed> changed;
  bool any = false;
  for (size_t at = 0; at < text.bytes.size();) {
    const uint32_t code = next_character(text.bytes, at);
    changed.push_back({to(code), 0});
    any = any || changed.back().code != code;
  }
  if (any) change(text, changed);
}

}  // namespace heed::data::json_tokenizer
