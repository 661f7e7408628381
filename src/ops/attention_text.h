// The words of an attention and their arguments, as text: "window(256, 0)".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heed/ops/attention.h"
#include "heed/ops/words.h"

namespace heed::ops {

/// Throws UsageError where the text is not a part of that kind.
Part parse_part(std::string_view text, Word::Kind kind);
std::string to_text(const Part& part);
/// The shortest text that reads back as the same number.
std::string number_text(double value);

/// Throws UsageError where there is no word of that name, or it is one of another kind.
const Word& known_word(std::string_view name, Word::Kind kind);
/// The names of all words of these kinds.
std::vector<std::string> names_of(std::initializer_list<Word::Kind> kinds);
/// nullptr where the word has no argument of that name.
const Word::Argument* find_argument(const Word& word, std::string_view name);
[[noreturn]] void refuse_argument(const Word& word, std::string_view given);
/// Throws UsageError where a part, its alternatives aside, has arguments that its word does not
/// take, or lacks those that it needs.
void check_part(const Part& part, Word::Kind kind);

/// Whether a part of that name stands among the parts or their alternatives.
bool has(const std::vector<Part>& parts, std::string_view name);

}  // namespace heed::ops
