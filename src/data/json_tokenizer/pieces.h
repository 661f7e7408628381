// A text on its way to tokens: changed by normalizers, cut by pre-tokenizers, and every byte of it knows the character of the
// text as it was given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {

/// Set in the origin of a byte that stands for no character: what was put in before the first one.
inline constexpr uint32_t kNowhere = 1u << 31;

/// Characters begin .. end - 1 of the text as it was given.
inline uint32_t origin_begin(uint32_t origin) { return origin & ~kNowhere; }
inline uint32_t origin_end(uint32_t origin) {
  return origin & kNowhere ? origin & ~kNowhere : origin + 1;
}

/// Bytes and, of each, the number of the character that it comes from.
struct Text {
  std::string bytes;
  std::vector<uint32_t> origin;

  void append(std::string_view more, const uint32_t* origins) {
    bytes.append(more);
    origin.insert(origin.end(), origins, origins + more.size());
  }
};

/// Bytes begin .. end - 1 of a text, and the added token that they are, -1 where a model must look.
struct Piece {
  uint32_t begin = 0, end = 0;
  int64_t token = -1;
};

struct Pieces {
  Text text;
  std::vector<Piece> pieces;

  std::string_view of(const Piece& piece) const {
    return std::string_view(text.bytes).substr(piece.begin, piece.end - piece.begin);
  }
  const uint32_t* origins_of(const Piece& piece) const { return text.origin.data() + piece.begin; }
};

/// A character of a changed text. `change` is how it came there, as tokenizers counts: 0 in the place of one character, 1
/// new, -n in the place of one character with n more behind it taken out.
struct Changed {
  uint32_t code;
  int change;
};

/// Writes a changed text and where it comes from. A new character shares the origin of the byte before it.
class Rewriter {
 public:
  /// Without the first `removed` characters of `from`; what is written goes behind what `to` has.
  Rewriter(std::string_view from, const uint32_t* origins, Text& to, size_t removed = 0)
      : from_(from), origins_(origins), to_(to) {
    skip(removed);
  }
  void put(uint32_t code, int change);
  void put(std::string_view bytes, uint32_t origin) {
    to_.bytes.append(bytes);
    to_.origin.insert(to_.origin.end(), bytes.size(), origin);
  }

 private:
  void skip(size_t characters);
  uint32_t origin_before() const;

  std::string_view from_;
  const uint32_t* origins_;
  Text& to_;
  size_t at_ = 0;
};

/// Replaces a text by changed characters.
void change(Text& text, const std::vector<Changed>& to, size_t removed = 0);

/// The same without the characters for which keep(code) is false.
template <class Keep>
void filter(Text& text, Keep&& keep) {
  Text kept;
  for (size_t at = 0; at < text.bytes.size();) {
    const size_t from = at;
    if (keep(next_character(text.bytes, at)))
      kept.append(std::string_view(text.bytes).substr(from, at - from), text.origin.data() + from);
  }
  text = std::move(kept);
}

/// A part of a text that a pattern cuts: what it matches or what lies between.
struct Span {
  uint32_t begin, end;
  bool match;
};

/// What becomes of the matches when a text is cut.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Joins spans that cover a text as `behavior` says; afterwards `match` marks what is taken out.
void apply(Behavior behavior, std::vector<Span>& spans);

/// Cuts each piece that is no token: spans_of(bytes, spans) covers the piece by spans in their order.
template <class SpansOf>
void split(Pieces& pieces, Behavior behavior, SpansOf&& spans_of) {
  std::vector<Piece> cut;
  cut.reserve(pieces.pieces.size());
  std::vector<Span> spans;
  for (const auto& piece : pieces.pieces) {
    if (piece.token >= 0) {
      cut.push_back(piece);
      continue;
    }
    spans.clear();
    spans_of(pieces.of(piece), spans);
    apply(behavior, spans);
    for (const auto& span : spans)
      if (!span.match && span.begin != span.end)
        cut.push_back({piece.begin + span.begin, piece.begin + span.end});
  }
  pieces.pieces = std::move(cut);
}

/// Spans of single characters for which is(code) holds, and of what lies between.
template <class Is>
void spans_of_characters(std::string_view text, std::vector<Span>& spans, Is&& is) {
  uint32_t last = 0;
  for (size_t at = 0; at < text.size();) {
    const auto from = static_cast<uint32_t>(at);
    if (!is(next_character(text, at))) continue;
    if (last < from) spans.push_back({last, from, false});
    last = static_cast<uint32_t>(at);
    spans.push_back({from, last, true});
  }
  if (last < text.size()) spans.push_back({last, static_cast<uint32_t>(text.size()), false});
}

}  // namespace heed::data::json_tokenizer
