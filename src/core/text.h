// Words for messages.
#pragma once

#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/core/nearest.h"

namespace heed {

template <class... Pieces>
std::string text_of(const Pieces&... pieces) {
  std::ostringstream text;
  (text << ... << pieces);
  return text.str();
}

/// Throws ModelError unless `given` is one of `known`.
inline void check_word(const std::string& field, const std::string& given,
                       const std::vector<std::string>& known) {
  for (const auto& word : known)
    if (word == given) return;
  throw ModelError(field + ": unknown '" + given + "'" + suggestion(given, known));
}

/// The value of an enum whose word is `given`. Throws ModelError for another word.
template <EnumWithWords E>
E to_enum(const std::string& field, const std::string& given) {
  const auto value = from_word<E>(given);
  if (!value) check_word(field, given, words_of<E>().words);
  return *value;
}

}  // namespace heed
