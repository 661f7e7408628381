// "Did you mean ...?"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// The name with the smallest edit distance (Damerau-Levenshtein, restricted) to `given`; empty
/// when none is near enough to be a misspelling (distance over a third of the longer length,
/// rounded up).
std::string nearest_name(std::string_view given, const std::vector<std::string>& names);

/// ", did you mean 'x'?" or, where nothing is near, "; known: a, b, c".
std::string suggestion(std::string_view given, const std::vector<std::string>& names);

}  // namespace heed
