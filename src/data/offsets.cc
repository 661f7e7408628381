#include "heed/data/offsets.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <algorithm>
#include <memory>

#include "core/utf8.h"
#include "data/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

[[noreturn]] void refuse_place(const std::string& what, int64_t given, int64_t most) {
  throw UsageError("text offsets: " + what + " " + std::to_string(given) + "; expected 0 .. " +
                   std::to_string(most));
}

/// The pieces of a text as spans; the pieces are parts of `text` in their order.
std::vector<WordSpan> as_spans(std::string_view text, const std::vector<std::string_view>& pieces) {
  const TextOffsets offsets(text);
  std::vector<WordSpan> spans;
  for (const auto piece : pieces) {
    const int64_t begin = piece.data() - text.data();
    const int64_t end = begin + static_cast<int64_t>(piece.size());
    spans.push_back({piece, offsets.character_of(begin), offsets.character_of(end), begin, end});
  }
  return spans;
}

[[noreturn]] void fail_icu(const char* what, UErrorCode status) {
  throw Error(Failure::file, std::string("ICU cannot ") + what + ": " + u_errorName(status) +
                                 "; is its data installed?");
}

using MakeBreaks = icu::BreakIterator*(const icu::Locale&, UErrorCode&);

/// An iterator is dear to make, and of one thread.
template <MakeBreaks* kMake>
icu::BreakIterator& breaks_of(const char* what) {
  static const std::unique_ptr<icu::BreakIterator> kFirst = [&] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(kMake(icu::Locale::getRoot(), status));
    if (U_FAILURE(status)) fail_icu(what, status);
    return made;
  }();
  thread_local const std::unique_ptr<icu::BreakIterator> mine(kFirst->clone());
  return *mine;
}

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

/// The text cut at the iterator's boundaries. Throws DataError where it is no UTF-8.
std::vector<std::string_view> segments(std::string_view text, icu::BreakIterator& breaks) {
  check_utf8(text, "words");
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> source(
      utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &status));
  breaks.setText(source.get(), status);
  if (U_FAILURE(status)) fail_icu("open a text", status);
  std::vector<std::string_view> all;
  int32_t begin = breaks.first();
  for (int32_t end = breaks.next(); end != icu::BreakIterator::DONE; end = breaks.next()) {
    all.push_back(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    begin = end;
  }
  return all;
}

}  // namespace

TextOffsets::TextOffsets(std::string_view text) : text_(text) {
  check_utf8(text, "text offsets");
  const bool is_ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  if (is_ascii) return;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<uint8_t>(text[i]) & 0xC0) != 0x80;
    if (begins) begins_.push_back(static_cast<int64_t>(i));
  }
}

int64_t TextOffsets::characters() const noexcept {
  return static_cast<int64_t>(begins_.empty() ? text_.size() : begins_.size());
}

int64_t TextOffsets::byte_of(int64_t character) const {
  if (character < 0 || character > characters()) {
    refuse_place("no character", character, characters());
  }
  if (begins_.empty()) return character;
  return character == characters() ? bytes() : begins_[static_cast<size_t>(character)];
}

int64_t TextOffsets::character_of(int64_t byte) const {
  if (byte < 0 || byte > bytes()) refuse_place("no byte", byte, bytes());
  if (begins_.empty()) return byte;
  if (byte == bytes()) return characters();
  const auto at = std::lower_bound(begins_.begin(), begins_.end(), byte);
  if (at == begins_.end() || *at != byte) {
    throw UsageError("text offsets: byte " + std::to_string(byte) +
                     " is in the middle of a character; expected where one begins");
  }
  return at - begins_.begin();
}

std::string_view TextOffsets::text(int64_t begin, int64_t end) const {
  const int64_t from = byte_of(begin), to = byte_of(end);
  if (to < from)
    refuse_place("a span that begins at " + std::to_string(begin) + " and ends at", end,
                 characters());
  return text_.substr(static_cast<size_t>(from), static_cast<size_t>(to - from));
}

std::vector<WordSpan> words_with_offsets(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (const auto segment :
       segments(text, breaks_of<icu::BreakIterator::createWordInstance>("break words"))) {
    const auto inside = split_at_space(segment);  // white space and others may stand in one
    pieces.insert(pieces.end(), inside.begin(), inside.end());
  }
  return as_spans(text, pieces);
}

std::vector<WordSpan> sentences_with_offsets(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (const auto segment :
       segments(text, breaks_of<icu::BreakIterator::createSentenceInstance>("break sentences"))) {
    const auto words = split_at_space(segment);
    if (words.empty()) continue;
    const auto* end = words.back().data() + words.back().size();
    pieces.emplace_back(words.front().data(), static_cast<size_t>(end - words.front().data()));
  }
  return as_spans(text, pieces);
}

std::vector<WordSpan> fields_with_offsets(std::string_view text) {
  check_utf8(text, "words");
  return as_spans(text, split_at_space(text));
}

std::vector<WordSpan> characters_with_offsets(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (const auto& field : fields_with_offsets(text)) {
    const TextOffsets inside(field.text);
    for (int64_t i = 0; i < inside.characters(); ++i) pieces.push_back(inside.text(i, i + 1));
  }
  return as_spans(text, pieces);
}

}  // namespace heed::data
