#include "data/json_tokenizer/decoder.h"

#include <unicode/utf8.h>

#include "core/utf8.h"
#include "data/json_tokenizer/byte_level.h"
#include "data/json_tokenizer/metaspace.h"
#include "data/json_tokenizer/read_pattern.h"

namespace heed::data::json_tokenizer {
namespace {

/// One that needs nothing but the tokens.
class PlainDecoder : public Decoder {
 public:
  explicit PlainDecoder(void (*function)(std::vector<std::string>&)) : function_(function) {}
  void decode(std::vector<std::string>& tokens) const override { function_(tokens); }

 private:
  void (*function_)(std::vector<std::string>&);
};

class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<DecoderPtr> parts) : parts_(std::move(parts)) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->decode(tokens);
  }

 private:
  std::vector<DecoderPtr> parts_;
};

void decode_byte_level(std::vector<std::string>& tokens) {
  std::string bytes;
  for (const auto& token : tokens) bytes += byte_level_bytes(token).value_or(token);
  tokens.assign(1, as_utf8(bytes));
}

void fuse(std::vector<std::string>& tokens) {
  std::string all;
  for (const auto& token : tokens) all += token;
  tokens.assign(1, all);
}

/// The byte of <0x..>, -1 for another token.
int byte_of_token(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Bytes behind each other are characters, or U+FFFD each.
void decode_byte_tokens(std::vector<std::string>& tokens) {
  std::vector<std::string> decoded;
  std::string bytes;
  const auto put_bytes = [&] {
    if (bytes.empty()) return;
    if (invalid_utf8(bytes) == std::string::npos)
      decoded.push_back(bytes);
    else
      decoded.insert(decoded.end(), bytes.size(), "\uFFFD");
    bytes.clear();
  };
  for (auto& token : tokens) {
    const int byte = byte_of_token(token);
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
      continue;
    }
    put_bytes();
    decoded.push_back(std::move(token));
  }
  put_bytes();
  tokens = std::move(decoded);
}

/// Blanks before punctuation and English contractions go.
std::string cleaned_up(std::string text) {
  constexpr const char* kRules[][2] = {{" .", "."},     {" ?", "?"},           {" !", "!"},
                                       {" ,", ","},     {" ' ", "'"},          {" n't", "n't"},
                                       {" 'm", "'m"},   {" do not", " don't"}, {" 's", "'s"},
                                       {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [what, by] : kRules)
    if (text.find(what) != std::string::npos) text = replaced(text, what, by);
  return text;
}

class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleans) : prefix_(std::move(prefix)), cleans_(cleans) {}
  void decode(std::vector<std::string>& tokens) const override {
    bool first = true;
    for (auto& token : tokens) {
      if (!std::exchange(first, false))
        token = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
      if (cleans_) token = cleaned_up(std::move(token));
    }
  }

 private:
  std::string prefix_;
  bool cleans_;
};

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(const MetaspaceOptions& options)
      : drops_first_(options.scheme != PrependScheme::never) {
    append_utf8(blank_, options.replacement);
  }
  void decode(std::vector<std::string>& tokens) const override {
    bool first = true;
    for (auto& token : tokens)
      token = replaced(token, blank_, std::exchange(first, false) && drops_first_ ? "" : " ");
  }

 private:
  bool drops_first_;
  std::string blank_;
};

class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replaced(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }

 private:
  std::string suffix_;
};

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(Pattern pattern, std::string by)
      : pattern_(std::move(pattern)), by_(std::move(by)) {}
  void decode(std::vector<std::string>& tokens) const override {
    std::vector<Span> spans;
    for (auto& token : tokens) {
      spans.clear();
      pattern_.spans(token, spans);
      std::string changed;
      for (const auto& [begin, end, match] : spans)
        changed += match ? by_ : token.substr(begin, end - begin);
      token = std::move(changed);
    }
  }

 private:
  Pattern pattern_;
  std::string by_;
};

/// Takes up to `start` and `stop` times a character off the ends of every token.
class StripDecoder : public Decoder {
 public:
  StripDecoder(uint32_t content, int64_t start, int64_t stop) : start_(start), stop_(stop) {
    append_utf8(content_, content);
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (auto& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i)
        rest.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i)
        rest.remove_suffix(content_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  int64_t start_, stop_;
};

struct CtcOptions {
  std::string padding, word_end;
  bool cleans;
};

/// Connectionist temporal classification: what is repeated was said once.
class CtcDecoder : public Decoder {
 public:
  explicit CtcDecoder(CtcOptions options) : options_(std::move(options)) {}
  void decode(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    std::vector<std::string> said;
    for (const auto& token : tokens) {
      std::string text = replaced(token, options_.padding, "");
      if (options_.cleans) text = replaced(cleaned_up(text), options_.word_end, " ");
      if (!text.empty()) said.push_back(std::move(text));
    }
    tokens = std::move(said);
  }

 private:
  CtcOptions options_;
};

DecoderPtr make_sequence_decoder(const Json& value, const std::string& path,
                                 const std::string& file) {
  const Reader reader(value, path, file, {"type", "decoders"});
  std::vector<DecoderPtr> parts;
  for (const auto& part : reader.list("decoders")) {
    const std::string place = reader.path("decoders") + "[" + std::to_string(parts.size()) + "]";
    if (part.is_null()) refuse_at(file, place, "expected a decoder, given null");
    parts.push_back(make_decoder(part, place, file));
  }
  return std::make_unique<SequenceDecoder>(std::move(parts));
}

}  // namespace

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  if (what.empty()) return std::string(text);
  size_t from = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, from)) {
    result.append(text.substr(from, at - from)).append(by);
    from = at + what.size();
  }
  return result.append(text.substr(from));
}

std::string as_utf8(std::string_view bytes) {
  if (invalid_utf8(bytes) == std::string::npos) return std::string(bytes);
  std::string text;
  const auto size = static_cast<int32_t>(bytes.size());
  for (int32_t at = 0; at < size;) {
    UChar32 code;
    U8_NEXT_OR_FFFD(bytes.data(), at, size, code);
    append_utf8(text, static_cast<uint32_t>(code));
  }
  return text;
}

DecoderPtr make_decoder(const Json& value, const std::string& path, const std::string& file) {
  if (value.is_null()) return nullptr;
  const std::string type = type_of(value, path, file);
  const auto plain = [&](void (*function)(std::vector<std::string>&)) {
    const Reader reader(value, path, file, {"type"});
    return std::make_unique<PlainDecoder>(function);
  };
  if (type == "ByteFallback") return plain(decode_byte_tokens);
  if (type == "Fuse") return plain(fuse);
  if (type == "ByteLevel") {
    const Reader reader(value, path, file,
                        {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return std::make_unique<PlainDecoder>(decode_byte_level);
  }
  if (type == "WordPiece") {
    const Reader reader(value, path, file, {"type", "prefix", "cleanup"});
    return std::make_unique<WordPieceDecoder>(reader.text("prefix"), reader.flag("cleanup"));
  }
  if (type == "Metaspace")
    return std::make_unique<MetaspaceDecoder>(read_metaspace(value, path, file));
  if (type == "BPEDecoder") {
    const Reader reader(value, path, file, {"type", "suffix"});
    return std::make_unique<BpeDecoder>(reader.text("suffix"));
  }
  if (type == "Replace") {
    const Reader reader(value, path, file, {"type", "pattern", "content"});
    return std::make_unique<ReplaceDecoder>(read_pattern(reader), reader.text("content"));
  }
  if (type == "Strip") {
    const Reader reader(value, path, file, {"type", "content", "start", "stop"});
    return std::make_unique<StripDecoder>(reader.character("content"),
                                          reader.number("start", 0, INT64_MAX),
                                          reader.number("stop", 0, INT64_MAX));
  }
  if (type == "CTC") {
    const Reader reader(value, path, file,
                        {"type", "pad_token", "word_delimiter_token", "cleanup"});
    return std::make_unique<CtcDecoder>(CtcOptions{
        reader.text("pad_token"), reader.text("word_delimiter_token"), reader.flag("cleanup")});
  }
  if (type == "Sequence") return make_sequence_decoder(value, path, file);
  refuse_type(type, path, file,
              {"BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace",
               "Sequence", "Strip", "WordPiece"});
}

}  // namespace heed::data::json_tokenizer
