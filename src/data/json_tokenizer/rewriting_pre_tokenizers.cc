// Pre-tokenizers that change the text, too: Metaspace and ByteLevel.
#include "core/utf8.h"
#include "data/json_tokenizer/byte_level.h"
#include "data/json_tokenizer/metaspace.h"
#include "data/json_tokenizer/pattern.h"
#include "data/json_tokenizer/pre_tokenizer.h"
#include "data/json_tokenizer/read_pattern.h"

namespace heed::data::json_tokenizer {
namespace {

/// Writes every piece that is no token anew, by write(piece, to).
template <class Write>
void rewrite(Pieces& pieces, Write&& write) {
  Text text;
  text.bytes.reserve(pieces.text.bytes.size() + 16);
  text.origin.reserve(pieces.text.bytes.size() + 16);
  for (auto& piece : pieces.pieces) {
    const auto begin = static_cast<uint32_t>(text.bytes.size());
    if (piece.token >= 0)
      text.append(pieces.of(piece), pieces.origins_of(piece));
    else
      write(piece, text);
    piece.begin = begin, piece.end = static_cast<uint32_t>(text.bytes.size());
  }
  pieces.text = std::move(text);
}

/// SentencePiece's blanks: one in front, and all become U+2581 or another character.
class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const MetaspaceOptions& options) : options_(options) {
    append_utf8(blank_, options_.replacement);
  }

  void cut(Pieces& pieces) const override {
    rewrite(pieces, [&](const Piece& piece, Text& to) {
      const auto bytes = pieces.of(piece);
      const auto* origins = pieces.origins_of(piece);
      const bool begins_blank = bytes.starts_with(' ') || bytes.starts_with(blank_);
      const bool wanted =
          options_.scheme == PrependScheme::always ||
          (options_.scheme == PrependScheme::first && origin_begin(origins[0]) == 0);
      if (!begins_blank && wanted) put_blank(to, origins[0]);
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] == ' ')
          put_blank(to, origins[i]);
        else
          to.bytes += bytes[i], to.origin.push_back(origins[i]);
      }
    });
    if (!options_.split) return;
    split(pieces, Behavior::merged_with_next, [&](std::string_view text, std::vector<Span>& spans) {
      spans_of_characters(text, spans, [&](uint32_t code) { return code == options_.replacement; });
    });
  }

 private:
  void put_blank(Text& to, uint32_t origin) const {
    to.bytes += blank_;
    to.origin.resize(to.bytes.size(), origin);
  }

  MetaspaceOptions options_;
  std::string blank_;
};

/// GPT-2's: words with the blank before them, spelled in bytes.
class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_blank, bool cuts) : add_blank_(add_blank), cuts_(cuts) {}

  bool leave_bytes(bool on) override {
    leaves_bytes_ = on;
    return true;
  }

  void cut(Pieces& pieces) const override {
    if (add_blank_) {
      rewrite(pieces, [&](const Piece& piece, Text& to) {
        const auto bytes = pieces.of(piece);
        if (bytes.starts_with(' '))
          to.append(bytes, pieces.origins_of(piece));
        else
          prepend(" ", bytes, pieces.origins_of(piece), to);
      });
    }
    if (cuts_) {
      split(pieces, Behavior::isolated, [&](std::string_view text, std::vector<Span>& spans) {
        gpt2_pattern().spans(text, spans);
      });
    }
    if (leaves_bytes_) return;
    rewrite(pieces, [&](const Piece& piece, Text& to) {
      for (uint32_t i = piece.begin; i < piece.end; ++i) {
        to.bytes += byte_level_characters()[static_cast<uint8_t>(pieces.text.bytes[i])];
        to.origin.resize(to.bytes.size(), pieces.text.origin[i]);
      }
    });
  }

 private:
  static const Pattern& gpt2_pattern() {
    static const auto pattern = Pattern::regex(
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
    return pattern;
  }

  bool add_blank_, cuts_, leaves_bytes_ = false;
};

}  // namespace

MetaspaceOptions read_metaspace(const Json& value, const std::string& path,
                                const std::string& file) {
  const Reader reader(
      value, path, file,
      {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  MetaspaceOptions options{.replacement = reader.character("replacement")};
  if (reader.has("prepend_scheme"))
    options.scheme =
        static_cast<PrependScheme>(reader.word("prepend_scheme", {"first", "never", "always"}));
  if (reader.has("add_prefix_space") && !reader.flag("add_prefix_space")) {
    if (reader.has("prepend_scheme") && options.scheme != PrependScheme::never)
      reader.refuse("add_prefix_space", "false contradicts prepend_scheme");
    options.scheme = PrependScheme::never;
  }
  if (reader.has("split")) options.split = reader.flag("split");
  return options;
}

PreTokenizerPtr make_rewriting_pre_tokenizer(const std::string& type, const Json& value,
                                             const std::string& path, const std::string& file) {
  if (type == "Metaspace") return std::make_unique<Metaspace>(read_metaspace(value, path, file));
  if (type != "ByteLevel") return nullptr;
  const Reader reader(value, path, file, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  return std::make_unique<ByteLevel>(reader.flag("add_prefix_space"),
                                     !reader.has("use_regex") || reader.flag("use_regex"));
}

}  // namespace heed::data::json_tokenizer
