// BERT's: control characters go, white space becomes blanks, Chinese characters stand alone, accents go, lower case.
#include <optional>

#include "data/json_tokenizer/normalizer.h"

namespace heed::data::json_tokenizer {
namespace {

struct BertOptions {
  bool clean, chinese, accents, lower;
};

bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  return true;
}

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertOptions& options) : options_(options) {}

  void normalize(Text& text) const override {
    if (is_ascii(text.bytes)) {
      normalize_ascii(text);
      return;
    }
    if (options_.clean) clean(text);
    if (options_.chinese) part_chinese(text);
    if (options_.accents) {
      json_tokenizer::normalize(text, UnicodeForm::nfd);
      filter(text, [](uint32_t code) { return !has(code, kNonspacingMark); });
    }
    if (options_.lower) make_lower(text);
  }

 private:
  void normalize_ascii(Text& text) const {
    size_t kept = 0;
    for (size_t i = 0; i < text.bytes.size(); ++i) {
      char c = text.bytes[i];
      const uint32_t is = properties(static_cast<uint8_t>(c));
      if (options_.clean && (is & kBertRemoved) != 0) continue;
      if (options_.clean && (is & kWhiteSpace) != 0) c = ' ';
      if (options_.lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
      text.bytes[kept] = c, text.origin[kept++] = text.origin[i];
    }
    text.bytes.resize(kept), text.origin.resize(kept);
  }

  static void clean(Text& text) {
    filter(text, [](uint32_t code) { return !has(code, kBertRemoved); });
    map_characters(text,
                   [](uint32_t code) { return has(code, kWhiteSpace) ? uint32_t{' '} : code; });
  }

  static void part_chinese(Text& text) {
    std::vector<Changed> changed;
    bool any = false;
    for (size_t at = 0; at < text.bytes.size();) {
      const uint32_t code = next_character(text.bytes, at);
      if (!has(code, kChinese)) {
        changed.push_back({code, 0});
        continue;
      }
      any = true;
      changed.insert(changed.end(), {{' ', 0}, {code, 1}, {' ', 1}});
    }
    if (any) change(text, changed);
  }

  BertOptions options_;
};

}  // namespace

NormalizerPtr make_bert_normalizer(const Reader& reader) {
  const bool lower = reader.flag("lowercase");
  const bool accents = reader.has("strip_accents") ? reader.flag("strip_accents") : lower;
  return std::make_unique<BertNormalizer>(
      BertOptions{reader.flag("clean_text"), reader.flag("handle_chinese_chars"), accents, lower});
}

}  // namespace heed::data::json_tokenizer
