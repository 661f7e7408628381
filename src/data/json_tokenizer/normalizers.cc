#include "data/json_tokenizer/byte_level.h"
#include "data/json_tokenizer/normalizer.h"
#include "data/json_tokenizer/pattern.h"
#include "data/json_tokenizer/read_pattern.h"

namespace heed::data::json_tokenizer {
namespace {

/// One that needs nothing but the text.
class PlainNormalizer : public Normalizer {
 public:
  explicit PlainNormalizer(void (*function)(Text&)) : function_(function) {}
  void normalize(Text& text) const override { function_(text); }

 private:
  void (*function_)(Text&);
};

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<NormalizerPtr> parts) : parts_(std::move(parts)) {}
  void normalize(Text& text) const override {
    for (const auto& part : parts_) part->normalize(text);
  }

 private:
  std::vector<NormalizerPtr> parts_;
};

class StripNormalizer : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}
  void normalize(Text& text) const override {
    size_t begin = 0, end = text.bytes.size();
    for (size_t at = 0; left_ && at < end; begin = at)
      if (!has(next_character(text.bytes, at), kWhiteSpace)) break;
    for (size_t at = end; right_ && at > begin; end = at)
      if (!has(previous_character(text.bytes, at), kWhiteSpace)) break;
    Text kept;
    kept.append(std::string_view(text.bytes).substr(begin, end - begin),
                text.origin.data() + begin);
    text = std::move(kept);
  }

 private:
  bool left_, right_;
};

class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(std::string what) : what_(std::move(what)) {}
  void normalize(Text& text) const override {
    if (text.bytes.empty()) return;
    Text whole;
    prepend(what_, text.bytes, text.origin.data(), whole);
    text = std::move(whole);
  }

 private:
  std::string what_;
};

class ReplaceNormalizer : public Normalizer {
 public:
  ReplaceNormalizer(Pattern pattern, std::string by)
      : pattern_(std::move(pattern)), by_(std::move(by)) {}
  void normalize(Text& text) const override {
    std::vector<Span> spans;
    pattern_.spans(text.bytes, spans);
    if (spans.size() == 1 && !spans[0].match) return;
    Text replaced;
    for (const auto& [begin, end, match] : spans) {
      if (!match) {
        replaced.append(std::string_view(text.bytes).substr(begin, end - begin),
                        text.origin.data() + begin);
        continue;
      }
      // The new text shares the origin of the last byte that it stands for.
      const uint32_t origin =
          end > 0 ? text.origin[end - 1] : kNowhere | origin_begin(text.origin[0]);
      replaced.bytes += by_;
      replaced.origin.resize(replaced.bytes.size(), origin);
    }
    text = std::move(replaced);
  }

 private:
  Pattern pattern_;
  std::string by_;
};

void clean_for_translation(Text& text) {
  filter(text, [](uint32_t c) {
    return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
             c == 0x9F);
  });
  map_characters(text, [](uint32_t c) {
    const bool blank = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    return blank ? uint32_t{' '} : c;
  });
}

void strip_accents(Text& text) {
  filter(text, [](uint32_t code) { return !has(code, kMark); });
}

void spell_bytes(Text& text) {
  Text spelled;
  for (size_t i = 0; i < text.bytes.size(); ++i) {
    spelled.bytes += byte_level_characters()[static_cast<uint8_t>(text.bytes[i])];
    spelled.origin.resize(spelled.bytes.size(), text.origin[i]);
  }
  text = std::move(spelled);
}

const std::vector<std::pair<std::string, void (*)(Text&)>>& plain_normalizers() {
  static const std::vector<std::pair<std::string, void (*)(Text&)>> all = {
      {"NFC", [](Text& text) { normalize(text, UnicodeForm::nfc); }},
      {"NFD", [](Text& text) { normalize(text, UnicodeForm::nfd); }},
      {"NFKC", [](Text& text) { normalize(text, UnicodeForm::nfkc); }},
      {"NFKD", [](Text& text) { normalize(text, UnicodeForm::nfkd); }},
      {"Lowercase", make_lower},
      {"Nmt", clean_for_translation},
      {"StripAccents", strip_accents},
      {"ByteLevel", spell_bytes}};
  return all;
}

NormalizerPtr make_normalizer_sequence(const Json& value, const std::string& path,
                                       const std::string& file) {
  const Reader reader(value, path, file, {"type", "normalizers"});
  std::vector<NormalizerPtr> parts;
  for (const auto& part : reader.list("normalizers")) {
    const std::string place = reader.path("normalizers") + "[" + std::to_string(parts.size()) + "]";
    if (part.is_null()) refuse_at(file, place, "expected a normalizer, given null");
    parts.push_back(make_normalizer(part, place, file));
  }
  return std::make_unique<SequenceNormalizer>(std::move(parts));
}

}  // namespace

void make_lower(Text& text) {
  std::vector<Changed> changed;
  bool any = false;
  for (size_t at = 0; at < text.bytes.size();) {
    const uint32_t code = next_character(text.bytes, at);
    if (!has(code, kHasLower)) {
      changed.push_back({code, 0});
      continue;
    }
    any = true;
    int how = 0;
    for (const char32_t lower : lower_case_of(code))
      changed.push_back({lower, std::exchange(how, 1)});
  }
  if (any) change(text, changed);
}

NormalizerPtr make_normalizer(const Json& value, const std::string& path, const std::string& file) {
  if (value.is_null()) return nullptr;
  const std::string type = type_of(value, path, file);
  for (const auto& [name, function] : plain_normalizers()) {
    if (name != type) continue;
    const Reader reader(value, path, file, {"type"});
    return std::make_unique<PlainNormalizer>(function);
  }
  if (type == "Sequence") return make_normalizer_sequence(value, path, file);
  if (type == "BertNormalizer")
    return make_bert_normalizer(
        Reader(value, path, file,
               {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}));
  if (type == "Precompiled")
    return make_precompiled(Reader(value, path, file, {"type", "precompiled_charsmap"}));
  if (type == "Strip") {
    const Reader reader(value, path, file, {"type", "strip_left", "strip_right"});
    return std::make_unique<StripNormalizer>(reader.flag("strip_left"), reader.flag("strip_right"));
  }
  if (type == "Prepend") {
    const Reader reader(value, path, file, {"type", "prepend"});
    return std::make_unique<PrependNormalizer>(reader.text("prepend"));
  }
  if (type == "Replace") {
    const Reader reader(value, path, file, {"type", "pattern", "content"});
    return std::make_unique<ReplaceNormalizer>(read_pattern(reader), reader.text("content"));
  }
  std::vector<std::string> known = {"BertNormalizer", "Precompiled", "Prepend",
                                    "Replace",        "Sequence",    "Strip"};
  for (const auto& [name, function] : plain_normalizers()) known.push_back(name);
  refuse_type(type, path, file, known);
}

}  // namespace heed::data::json_tokenizer
