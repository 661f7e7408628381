// Pre-tokenizers that cut and change nothing.
#include <unicode/uscript.h>

#include "data/json_tokenizer/pre_tokenizer.h"
#include "data/json_tokenizer/read_pattern.h"

namespace heed::data::json_tokenizer {
namespace {

/// One that needs nothing but the pieces.
class PlainPreTokenizer : public PreTokenizer {
 public:
  explicit PlainPreTokenizer(void (*function)(Pieces&)) : function_(function) {}
  void cut(Pieces& pieces) const override { function_(pieces); }

 private:
  void (*function_)(Pieces&);
};

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<PreTokenizerPtr> parts) : parts_(std::move(parts)) {}
  void cut(Pieces& pieces) const override {
    for (const auto& part : parts_) part->cut(pieces);
  }
  bool leave_bytes(bool on) override { return !parts_.empty() && parts_.back()->leave_bytes(on); }

 private:
  std::vector<PreTokenizerPtr> parts_;
};

class SplitPreTokenizer : public PreTokenizer {
 public:
  SplitPreTokenizer(Pattern pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void cut(Pieces& pieces) const override {
    split(pieces, behavior_, [&](std::string_view text, std::vector<Span>& spans) {
      pattern_.spans(text, spans);
      if (invert_)
        for (auto& span : spans) span.match = !span.match;
    });
  }

 private:
  Pattern pattern_;
  Behavior behavior_;
  bool invert_;
};

/// Cuts at characters: those with one of the properties, or one character.
class CharacterPreTokenizer : public PreTokenizer {
 public:
  CharacterPreTokenizer(uint32_t any_of, uint32_t delimiter, Behavior behavior)
      : properties_(any_of), delimiter_(delimiter), behavior_(behavior) {}
  void cut(Pieces& pieces) const override {
    split(pieces, behavior_, [&](std::string_view text, std::vector<Span>& spans) {
      spans_of_characters(text, spans, [&](uint32_t code) {
        return properties_ != 0 ? has(code, properties_) : code == delimiter_;
      });
    });
  }

 private:
  uint32_t properties_, delimiter_;
  Behavior behavior_;
};

class FixedLengthPreTokenizer : public PreTokenizer {
 public:
  explicit FixedLengthPreTokenizer(int64_t length) : length_(length) {}
  void cut(Pieces& pieces) const override {
    split(pieces, Behavior::isolated, [&](std::string_view text, std::vector<Span>& spans) {
      for (size_t at = 0; at < text.size();) {
        const auto from = static_cast<uint32_t>(at);
        for (int64_t i = 0; i < length_ && at < text.size(); ++i) next_character(text, at);
        spans.push_back({from, static_cast<uint32_t>(at), false});
      }
    });
  }

 private:
  int64_t length_;
};

void cut_at_space(Pieces& pieces) {
  split(pieces, Behavior::removed, [](std::string_view text, std::vector<Span>& spans) {
    spans_of_characters(text, spans, [](uint32_t code) { return has(code, kWhiteSpace); });
  });
}

void cut_as_bert(Pieces& pieces) {
  cut_at_space(pieces);
  split(pieces, Behavior::isolated, [](std::string_view text, std::vector<Span>& spans) {
    spans_of_characters(text, spans, [](uint32_t code) { return has(code, kPunctuation); });
  });
}

/// Runs of word characters and runs of what is neither that nor white space.
void cut_words(Pieces& pieces) {
  split(pieces, Behavior::removed, [](std::string_view text, std::vector<Span>& spans) {
    enum class Kind { none, space, word, other };
    Kind before = Kind::none;
    for (size_t at = 0; at < text.size();) {
      const auto from = static_cast<uint32_t>(at);
      const uint32_t is = properties(next_character(text, at));
      const Kind kind = (is & kWord) != 0         ? Kind::word
                        : (is & kWhiteSpace) != 0 ? Kind::space
                                                  : Kind::other;
      const auto end = static_cast<uint32_t>(at);
      if (kind == before)
        spans.back().end = end;
      else
        spans.push_back({from, end, kind == Kind::space});
      before = kind;
    }
  });
}

/// A character's script as SentencePiece cuts by it, of Unicode 9: that of kana is Han's, and a blank and what has none goes
/// with any (-1).
int script_class(uint32_t code) {
  if (code == ' ' || !assigned_in(code, 9)) return -1;
  if (code == 0x589 || code == 0x61C) return USCRIPT_COMMON;  // became Armenian and Arabic
  if (code == 0x953 || code == 0x954) return USCRIPT_DEVANAGARI;
  UErrorCode status = U_ZERO_ERROR;
  const auto script = uscript_getScript(static_cast<UChar32>(code), &status);
  if (script == USCRIPT_UNKNOWN) return -1;
  if (code == 0x30FC || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA)
    return USCRIPT_HAN;
  return script;
}

/// What stands before the first character with a script is lost, as in tokenizers.
void cut_scripts(Pieces& pieces) {
  split(pieces, Behavior::removed, [](std::string_view text, std::vector<Span>& spans) {
    int last = -2;  // no script yet
    for (size_t at = 0; at < text.size();) {
      const auto from = static_cast<uint32_t>(at);
      const int script = script_class(next_character(text, at));
      const auto end = static_cast<uint32_t>(at);
      if (script >= 0 && script != last)
        spans.push_back({from, end, false});
      else if (spans.empty())
        spans.push_back({from, end, true});
      else
        spans.back().end = end;
      if (script >= 0) last = script;
    }
  });
}

const std::vector<std::pair<std::string, void (*)(Pieces&)>>& plain_pre_tokenizers() {
  static const std::vector<std::pair<std::string, void (*)(Pieces&)>> all = {
      {"BertPreTokenizer", cut_as_bert},
      {"Whitespace", cut_words},
      {"WhitespaceSplit", cut_at_space},
      {"UnicodeScripts", cut_scripts}};
  return all;
}

PreTokenizerPtr make_pre_tokenizer_sequence(const Json& value, const std::string& path,
                                            const std::string& file) {
  const char* key = "pretokenizers";
  const Reader reader(value, path, file, {"type", key});
  std::vector<PreTokenizerPtr> parts;
  for (const auto& part : reader.list(key)) {
    const std::string place = reader.path(key) + "[" + std::to_string(parts.size()) + "]";
    if (part.is_null()) refuse_at(file, place, "expected a pre-tokenizer, given null");
    parts.push_back(make_pre_tokenizer(part, place, file));
  }
  return std::make_unique<SequencePreTokenizer>(std::move(parts));
}

}  // namespace

Behavior read_behavior(const Reader& reader) {
  return static_cast<Behavior>(reader.word(
      "behavior", {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}));
}

PreTokenizerPtr make_pre_tokenizer(const Json& value, const std::string& path,
                                   const std::string& file) {
  if (value.is_null()) return nullptr;
  const std::string type = type_of(value, path, file);
  for (const auto& [name, function] : plain_pre_tokenizers()) {
    if (name != type) continue;
    const Reader reader(value, path, file, {"type"});
    return std::make_unique<PlainPreTokenizer>(function);
  }
  if (auto made = make_rewriting_pre_tokenizer(type, value, path, file)) return made;
  if (type == "Sequence") return make_pre_tokenizer_sequence(value, path, file);
  if (type == "Split") {
    const Reader reader(value, path, file, {"type", "pattern", "behavior", "invert"});
    return std::make_unique<SplitPreTokenizer>(read_pattern(reader), read_behavior(reader),
                                               reader.flag("invert"));
  }
  if (type == "Punctuation") {
    const Reader reader(value, path, file, {"type", "behavior"});
    const auto behavior = reader.has("behavior") ? read_behavior(reader) : Behavior::isolated;
    return std::make_unique<CharacterPreTokenizer>(kPunctuation, 0, behavior);
  }
  if (type == "Digits") {
    const Reader reader(value, path, file, {"type", "individual_digits"});
    const bool single = reader.flag("individual_digits");
    return std::make_unique<CharacterPreTokenizer>(
        kNumeric, 0, single ? Behavior::isolated : Behavior::contiguous);
  }
  if (type == "CharDelimiterSplit") {
    const Reader reader(value, path, file, {"type", "delimiter"});
    return std::make_unique<CharacterPreTokenizer>(0, reader.character("delimiter"),
                                                   Behavior::removed);
  }
  if (type == "FixedLength") {
    const Reader reader(value, path, file, {"type", "length"});
    constexpr int64_t kDefault = 5;
    const bool given = reader.has("length");
    return std::make_unique<FixedLengthPreTokenizer>(given ? reader.number("length", 1, INT64_MAX)
                                                           : kDefault);
  }
  std::vector<std::string> known = {"ByteLevel", "CharDelimiterSplit", "Digits",   "FixedLength",
                                    "Metaspace", "Punctuation",        "Sequence", "Split"};
  for (const auto& [name, function] : plain_pre_tokenizers()) known.push_back(name);
  refuse_type(type, path, file, known);
}

}  // namespace heed::data::json_tokenizer
