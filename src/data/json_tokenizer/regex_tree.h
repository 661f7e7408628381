// What a regular expression of Oniguruma's syntax (its Ruby dialect) says, as a tree.
#pragma once

#include <unicode/uniset.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace heed::data::json_tokenizer {

struct RegexNode {
  enum class Kind { set, sequence, either, repeat, atomic, look, assertion };
  enum class Greed { greedy, lazy, possessive };
  enum class Place { line_begin, line_end, begin, end, last_end, word, no_word, search_begin };

  Kind kind = Kind::sequence;
  icu::UnicodeSet set = {};                            // set
  std::vector<std::unique_ptr<RegexNode>> parts = {};  // all others but assertion
  uint32_t min = 0, max = 0;                           // repeat
  Greed greed = Greed::greedy;                         // repeat
  bool behind = false, negative = false;               // look
  Place place = Place::begin;                          // assertion
};
using RegexNodePtr = std::unique_ptr<RegexNode>;

inline constexpr uint32_t kNoLimit = UINT32_MAX;  // of a repetition

/// Throws ModelError that names the expression, the place in it, and what is wrong or not known there.
RegexNodePtr parse_regex(const std::string& expression);

}  // namespace heed::data::json_tokenizer
