// Worse texts: typos, words that are left out.
#pragma once

#include <string>
#include <string_view>

#include "heed/core/random.h"

namespace heed::data {

/// Each word (what stands between white space) of two characters or more gets a typo with this
/// probability: one of its characters, drawn, is left out, doubled, changed for the next one, or
/// becomes one of a..z, each as likely. White space stays as it is.
std::string with_typos(std::string_view text, double probability, Random random);

/// Leaves out each word with this probability, with the white space before it; where all would go,
/// one that is drawn stays.
std::string without_some_words(std::string_view text, double probability, Random random);

}  // namespace heed::data
