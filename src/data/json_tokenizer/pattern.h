// What Split and Replace look for: a text, or a regular expression in Oniguruma's syntax with its meaning. Not ICU's: there ^
// and $, ., \s, \h, {,n} and + behind an interval mean other things, \p{L} is of another Unicode version, and texts must be
// UTF-16.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_tokenizer/char_set.h"
#include "data/json_tokenizer/pieces.h"
#include "data/json_tokenizer/regex_tree.h"

namespace heed::data::json_tokenizer {

class Pattern {
 public:
  static Pattern literal(std::string text);
  /// Throws ModelError that names what is wrong or not known in the expression.
  static Pattern regex(const std::string& expression);

  /// The matches from left to right, none inside another, and what lies between. A text without bytes is one span that is
  /// no match. Throws DataError where the expression takes more than 10^7 steps back, as Oniguruma does.
  void spans(std::string_view text, std::vector<Span>& spans) const;

 private:
  using Bytes = std::array<uint64_t, 4>;  // which bytes a match can begin with
  enum class Op : uint8_t { set, star, star_once, fork, jump, assertion, look, atomic, stop };

  /// One step. set: sets_[a]. star: sets_[a], b .. c times, as often as possible; star_once never gives back. fork: goes on at
  /// a where the next byte is in firsts_[c], later at b where it is in firsts_[d]. jump: to a. look and atomic: the steps
  /// behind it up to stop, then a.
  struct Step {
    Op op;
    uint32_t a = 0, b = 0, c = 0, d = 0;
    bool negative = false;
    uint32_t behind = 0;  // look: characters back
  };
  struct First {
    Bytes bytes{};
    bool nothing = false;  // can match no character
  };
  /// Where to go on when a way fails; `low` of a star is where it may not go below.
  struct Frame {
    uint32_t step, at, low;
  };
  struct Run {
    std::string_view text;
    uint32_t start = 0;  // of the search
    std::vector<Frame> frames = {};
    uint32_t failures = 0;
  };

  uint32_t emit(Step step) {
    steps_.push_back(step);
    return static_cast<uint32_t>(steps_.size() - 1);
  }
  void compile(const RegexNode& node);
  void compile_either(const RegexNode& node);
  void compile_repeat(const RegexNode& node);
  void compile_optional(const RegexNode& part, uint32_t times, bool lazy);
  void compile_look(const RegexNode& node);
  void compile_look_behind(const RegexNode& part, bool negative);
  First first_of(const RegexNode& node) const;
  uint32_t first_index(const First& first);
  uint32_t set_index(const icu::UnicodeSet& set);
  [[noreturn]] void refuse(const std::string& what) const;

  bool run(Run& run, uint32_t step, uint32_t at, uint32_t& end) const;
  bool star(Run& run, const Step& step, uint32_t index, uint32_t& at) const;
  bool look(Run& run, const Step& step, uint32_t index, uint32_t at) const;
  bool holds(const Run& run, RegexNode::Place place, uint32_t at) const;
  bool search(Run& run, uint32_t from, uint32_t& begin, uint32_t& end) const;
  bool is_word(std::string_view text, size_t at) const;
  bool may_begin(uint32_t first, std::string_view text, uint32_t at) const;

  std::string text_;  // the literal, or the expression for messages
  bool is_literal_ = false;
  std::vector<Step> steps_;
  std::vector<CharSet> sets_;
  std::vector<icu::UnicodeSet> set_sources_;
  std::vector<First> firsts_;
  uint32_t word_ = 0;  // \w among sets_, of \b
  First first_;
};

}  // namespace heed::data::json_tokenizer
