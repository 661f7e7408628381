// What SentencePiece's trainer is given of a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heed/data/tokenizer.h"

namespace heed::data {

/// SentencePiece 0.1.97 counts the characters of a word in 15 bits, behind its normalisation, which
/// makes up to 18 characters of one; beyond that it ends the process.
inline constexpr size_t kLongestStretch = 1800;  ///< characters without a blank

/// The parts of a line from which it learns what it would learn of the whole, but for what its
/// trainer does not bear. It cuts
/// - a stretch of more than kLongestStretch characters without a blank, into such stretches;
/// - "<s>" and the like behind the <, because it looks at nothing in them;
/// - at U+2585, which it keeps for itself, and which is in no part.
/// `line` must outlive them.
std::vector<std::string_view> trainer_parts(std::string_view line);

/// The parts of all lines, checked to be UTF-8 and made lower case where that is asked for.
class TrainerTexts {
 public:
  TrainerTexts(const Lines& lines, bool lowercase) : lines_(lines), lowercase_(lowercase) {}
  TrainerTexts(const TrainerTexts&) = delete;
  TrainerTexts& operator=(const TrainerTexts&) = delete;

  bool next(std::string& text);
  /// Was there a part?
  bool found() const { return found_; }

 private:
  const Lines& lines_;
  bool lowercase_;
  bool found_ = false;
  std::string line_;
  std::vector<std::string_view> parts_;  // of line_
  size_t next_ = 0;
};

}  // namespace heed::data
