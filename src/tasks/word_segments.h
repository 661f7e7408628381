// Texts cut at the borders of words, and the case of words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// A text cut at ICU's word borders and on both sides of apostrophes and ideographs, which only a dictionary makes words of
/// ("她来" is one to ICU): the places where parts begin, and the text's end.
std::vector<size_t> word_borders(std::string_view text);

/// What parts are compared by: case folded and composed; of white space " ".
std::string folded_part(std::string_view part);
bool is_blank_part(std::string_view part);
bool has_letter_or_digit(std::string_view text);

/// `replacement` in the case that `found` has, which the list has as `listed`.
std::string in_case_of(std::string_view found, std::string_view listed,
                       std::string_view replacement);

}  // namespace heed
