// Places in a text: characters (Unicode code points, what people and data sets count) and bytes of
// UTF-8 (what programs cut at).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace heed::data {

/// Turns places of one text into each other. Characters and bytes are counted from 0; a place may
/// be the end. O(bytes) to make, with 8 bytes a character where the text is not ASCII; then O(1)
/// for byte_of and O(log characters) for character_of.
class TextOffsets {
 public:
  /// Throws DataError where the text is no UTF-8 (names the byte). The text must outlive this.
  explicit TextOffsets(std::string_view text);

  int64_t characters() const noexcept;
  int64_t bytes() const noexcept { return static_cast<int64_t>(text_.size()); }
  /// Where the character begins. Throws UsageError outside 0 .. characters().
  int64_t byte_of(int64_t character) const;
  /// The character that begins at the byte. Throws UsageError outside 0 .. bytes(), and in the
  /// middle of a character.
  int64_t character_of(int64_t byte) const;
  /// Characters begin .. end - 1. Throws UsageError, also for end below begin.
  std::string_view text(int64_t begin, int64_t end) const;

 private:
  std::string_view text_;
  std::vector<int64_t> begins_;  // of each character; empty for ASCII
};

/// A word of a text: characters begin .. end - 1, bytes begin_byte .. end_byte - 1.
struct WordSpan {
  std::string_view text;
  int64_t begin = 0, end = 0;
  int64_t begin_byte = 0, end_byte = 0;
};

/// The words of a text by Unicode's word boundaries (UAX 29, by ICU, of no language in particular):
/// "don't" and "3.14" are one word each, a mark of punctuation is a word of its own, and white
/// space is in none. Chinese, Japanese and Thai are cut by ICU's dictionaries. Throws DataError
/// where the text is no UTF-8. Cost: O(bytes).
std::vector<WordSpan> words_with_offsets(std::string_view text);

/// The sentences of a text by Unicode's sentence boundaries, without the white space around them;
/// an abbreviation's full stop may end one. Throws DataError where the text is no UTF-8.
std::vector<WordSpan> sentences_with_offsets(std::string_view text);

/// What stands between white space (Unicode's White_Space): "(3.14," is one word.
std::vector<WordSpan> fields_with_offsets(std::string_view text);

/// The characters but white space, each by itself. Throws DataError where the text is no UTF-8.
std::vector<WordSpan> characters_with_offsets(std::string_view text);

}  // namespace heed::data
