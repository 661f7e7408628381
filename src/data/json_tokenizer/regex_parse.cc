// Oniguruma's syntax, doc/RE of its sources. What no tokenizer needs is refused by name: back references, calls,
// conditions, callouts, \K, \X, extended form.
#include <algorithm>

#include "core/utf8.h"
#include "data/json_tokenizer/char_set.h"
#include "data/json_tokenizer/regex_tree.h"
#include "data/json_tokenizer/unicode.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

using Kind = RegexNode::Kind;
using Greed = RegexNode::Greed;
using Place = RegexNode::Place;

constexpr int kDeepestGroup = 64;
constexpr uint32_t kMostRepeats = 1000;

RegexNodePtr node_of(Kind kind) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  return node;
}
RegexNodePtr node_of(Kind kind, RegexNodePtr part) {
  auto node = node_of(kind);
  node->parts.push_back(std::move(part));
  return node;
}
RegexNodePtr node_of(icu::UnicodeSet set) {
  auto node = node_of(Kind::set);
  node->set = std::move(set);
  return node;
}
RegexNodePtr node_of(Place place) {
  auto node = node_of(Kind::assertion);
  node->place = place;
  return node;
}

class RegexParser {
 public:
  explicit RegexParser(const std::string& expression) : text_(expression) {}

  RegexNodePtr parse() {
    auto node = alternatives();
    if (at_ < text_.size()) refuse("')' without '('");
    return node;
  }

 private:
  struct Options {
    bool ignore_case = false, dot_all = false;
  };

  [[noreturn]] void refuse(const std::string& what) const {
    throw ModelError("the regular expression " + text_ + ": at byte " + std::to_string(at_) + ": " +
                     what);
  }

  bool ends() const { return at_ == text_.size(); }
  bool next_is(std::string_view what) const {
    return std::string_view(text_).substr(at_).starts_with(what);
  }
  bool take(std::string_view what) {
    if (!next_is(what)) return false;
    at_ += what.size();
    return true;
  }
  uint32_t take_code() {
    if (ends()) refuse("the expression ends too early");
    return next_character(text_, at_);
  }

  RegexNodePtr alternatives() {
    if (++depth_ > kDeepestGroup) refuse("groups in groups, deeper than 64");
    const Options before = options_;
    auto either = node_of(Kind::either);
    do either->parts.push_back(sequence());
    while (take("|"));
    options_ = before;
    --depth_;
    return either->parts.size() == 1 ? std::move(either->parts[0]) : std::move(either);
  }

  RegexNodePtr sequence() {
    auto all = node_of(Kind::sequence);
    while (!ends() && !next_is("|") && !next_is(")")) {
      auto part = atom();
      if (!part) continue;  // (?i) and comments
      while (repeat(part)) {
      }
      all->parts.push_back(std::move(part));
    }
    return all;
  }

  // ---- repetitions ----

  bool number(uint32_t& value) {
    const size_t from = at_;
    uint64_t read = 0;
    for (; !ends() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      read = std::min<uint64_t>(read * 10 + static_cast<uint64_t>(text_[at_] - '0'), UINT32_MAX);
    if (at_ == from) return false;
    if (read > kMostRepeats) refuse("a repetition of more than 1000");
    value = static_cast<uint32_t>(read);
    return true;
  }

  /// {n}, {n,}, {,m}, {n,m}; any other brace stands for itself.
  bool interval(uint32_t& min, uint32_t& max) {
    const size_t from = at_;
    if (!take("{")) return false;
    min = 0, max = kNoLimit;
    const bool has_min = number(min);
    bool has_max = false;
    if (take(",")) {
      has_max = number(max);
    } else {
      max = min;
    }
    if ((has_min || has_max) && take("}")) {
      if (max < min) refuse("a repetition whose least is above its most");
      return true;
    }
    at_ = from;
    return false;
  }

  bool repeat(RegexNodePtr& part) {
    uint32_t min = 0, max = kNoLimit;
    const bool braces = interval(min, max);
    if (!braces) {
      if (take("?"))
        max = 1;
      else if (take("+"))
        min = 1;
      else if (!take("*"))
        return false;
    }
    if (part->kind == Kind::assertion || part->kind == Kind::look)
      refuse("a repetition of what matches no character");
    part = node_of(Kind::repeat, std::move(part));
    part->min = min, part->max = max;
    if (braces && min == max && next_is("?")) return true;  // a{n}? is (?:a{n})?
    if (take("?"))
      part->greed = Greed::lazy;
    else if (!braces && take("+"))
      part->greed = Greed::possessive;
    return true;
  }

  // ---- atoms ----

  RegexNodePtr set_node(icu::UnicodeSet set) const {
    if (options_.ignore_case) set.closeOver(USET_CASE_INSENSITIVE).removeAllStrings();
    return node_of(std::move(set));
  }
  RegexNodePtr character(uint32_t code) const {
    return set_node(icu::UnicodeSet(static_cast<UChar32>(code), static_cast<UChar32>(code)));
  }

  RegexNodePtr atom() {
    if (take("(")) return group();
    if (take("[")) return node_of(char_class());
    if (take("^")) return node_of(Place::line_begin);
    if (take("$")) return node_of(Place::line_end);
    if (take(".")) {
      icu::UnicodeSet all(0, 0x10FFFF);
      if (!options_.dot_all) all.remove('\n');
      return node_of(std::move(all));
    }
    if (next_is("*") || next_is("+") || next_is("?")) refuse("nothing to repeat");
    if (take("\\")) return escape();
    return character(take_code());
  }

  RegexNodePtr group() {
    RegexNodePtr node;
    if (!take("?")) {
      if (next_is("*")) refuse("a callout, which is not known here");
      node = alternatives();
    } else if (take("#")) {
      while (!ends() && !next_is(")")) take_code();
    } else if (take(":")) {
      node = alternatives();
    } else if (take(">")) {
      node = node_of(Kind::atomic, alternatives());
    } else if (next_is("=") || next_is("!") || next_is("<=") || next_is("<!")) {
      node = look();
    } else if (take("<") || take("'")) {
      while (!ends() && !next_is(">") && !next_is("'")) take_code();
      if (!take(">") && !take("'")) refuse("a name without end");
      node = alternatives();
    } else {
      return with_options();
    }
    if (!take(")")) refuse("'(' without ')'");
    return node;
  }

  RegexNodePtr look() {
    const bool behind = take("<"), negative = take("!");
    if (!negative) take("=");
    auto node = node_of(Kind::look, alternatives());
    node->behind = behind, node->negative = negative;
    return node;
  }

  /// (?i), (?i:...) and the like, behind the question mark.
  RegexNodePtr with_options() {
    const Options before = options_;
    Options changed = options_;
    bool on = true;
    for (; !ends() && !next_is(":") && !next_is(")"); ++at_) {
      const char c = text_[at_];
      if (c == '-')
        on = false;
      else if (c == 'i')
        changed.ignore_case = on;
      else if (c == 'm')
        changed.dot_all = on;
      else
        refuse(std::string("the group (?") + c + ", which is not known here");
    }
    options_ = changed;
    if (take(")")) {  // up to the end of the group around it
      auto rest = alternatives();
      options_ = before;
      return rest;
    }
    take(":");
    auto node = alternatives();
    options_ = before;
    if (!take(")")) refuse("'(' without ')'");
    return node;
  }

  RegexNodePtr escape() {
    icu::UnicodeSet set;
    if (class_escape(set)) return set_node(std::move(set));
    if (take("A")) return node_of(Place::begin);
    if (take("z")) return node_of(Place::end);
    if (take("Z")) return node_of(Place::last_end);
    if (take("G")) return node_of(Place::search_begin);
    if (take("b")) return node_of(Place::word);
    if (take("B")) return node_of(Place::no_word);
    if (take("R")) return line_break();
    return character(escaped_code());
  }

  static RegexNodePtr line_break() {
    auto crlf = node_of(Kind::sequence);
    crlf->parts.push_back(node_of(icu::UnicodeSet('\r', '\r')));
    crlf->parts.push_back(node_of(icu::UnicodeSet('\n', '\n')));
    auto either = node_of(Kind::either);
    either->parts.push_back(std::move(crlf));
    icu::UnicodeSet one('\n', '\r');
    either->parts.push_back(node_of(std::move(one.add(0x85).add(0x2028, 0x2029))));
    return node_of(Kind::atomic, std::move(either));
  }

  /// \d, \p{...} and the like, behind the backslash.
  bool class_escape(icu::UnicodeSet& set) {
    if (ends()) refuse("a backslash at the end");
    const char c = text_[at_];
    const char lower = static_cast<char>(c | 0x20);
    bool negative = c != lower;
    if (lower == 'd')
      set = digit_set();
    else if (lower == 's')
      set = white_space_set();
    else if (lower == 'w')
      set = word_set();
    else if (lower == 'h')
      set = hex_digit_set();
    else if (lower == 'p' && std::string_view(text_).substr(at_ + 1).starts_with("{"))
      return property(set, negative);
    else
      return false;
    ++at_;
    if (negative) set.complement();
    return true;
  }

  bool property(icu::UnicodeSet& set, bool negative) {
    const size_t end = text_.find('}', at_);
    if (end == std::string::npos) refuse("a property without '}'");
    std::string name = text_.substr(at_ + 2, end - at_ - 2);
    if (name.starts_with("^")) name.erase(0, 1), negative = !negative;
    auto found = property_set(name);
    if (!found) refuse("the property '" + name + "', which is not known here");
    set = std::move(*found);
    at_ = end + 1;
    if (negative) set.complement();
    return true;
  }

  uint32_t hex(size_t most) {
    uint32_t code = 0;
    size_t digits = 0;
    for (; digits < most && !ends() && std::isxdigit(static_cast<uint8_t>(text_[at_])); ++digits) {
      const char c = text_[at_++];
      code = code * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (digits == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      refuse("expected the hexadecimal number of a character");
    return code;
  }

  uint32_t escaped_code() {
    constexpr std::string_view kLetters = "tnrfvae";
    constexpr char kCodes[] = "\t\n\r\f\v\a\x1B";
    const char c = text_[at_];
    if (const size_t found = kLetters.find(c); found != std::string_view::npos)
      return ++at_, static_cast<uint32_t>(kCodes[found]);
    if (take("x{")) {
      const uint32_t code = hex(8);
      if (!take("}")) refuse("\\x{ without '}'");
      return code;
    }
    if (take("x")) {
      const uint32_t code = hex(2);
      if (code > 0x7F) refuse("\\x of a byte that is no character; write \\x{...}");
      return code;
    }
    if (take("u")) return hex(4);
    if (std::isalnum(static_cast<uint8_t>(c)))
      refuse(std::string("\\") + c + ", which is not known here");
    return take_code();
  }

  // ---- classes ----

  icu::UnicodeSet char_class() {
    if (++depth_ > kDeepestGroup) refuse("classes in classes, deeper than 64");
    const bool negative = take("^");
    icu::UnicodeSet all(0, 0x10FFFF), part;
    bool intersects = false;
    for (bool first = true; first || !take("]"); first = false) {
      if (ends()) refuse("'[' without ']'");
      if (take("&&")) {
        all.retainAll(part), part.clear(), intersects = true;
        continue;
      }
      class_item(part);
    }
    if (intersects) part.retainAll(all);
    if (options_.ignore_case) part.closeOver(USET_CASE_INSENSITIVE).removeAllStrings();
    if (negative) part.complement();
    --depth_;
    return part;
  }

  void class_item(icu::UnicodeSet& part) {
    icu::UnicodeSet set;
    if (next_is("[:") && posix(part)) return;
    if (take("[")) {
      part.addAll(char_class());
      return;
    }
    const auto code = class_code(set);
    if (!code) {
      part.addAll(set);
      return;
    }
    uint32_t last = *code;
    if (next_is("-") && !next_is("-]") && !next_is("-&&") && !next_is("-[")) {
      take("-");
      const auto to = class_code(set);
      if (!to) refuse("a range that ends in a class");
      last = *to;
      if (last < *code) refuse("a range whose first character is behind its last");
    }
    part.add(static_cast<UChar32>(*code), static_cast<UChar32>(last));
  }

  /// One character of a class; none where a class like \d stands there, which goes into `set`.
  std::optional<uint32_t> class_code(icu::UnicodeSet& set) {
    if (!take("\\")) return take_code();
    if (class_escape(set)) return {};
    if (take("b")) return 8;
    return escaped_code();
  }

  bool posix(icu::UnicodeSet& part) {
    const size_t end = text_.find(":]", at_);
    if (end == std::string::npos) return false;
    std::string name = text_.substr(at_ + 2, end - at_ - 2);
    const bool negative = name.starts_with("^");
    if (negative) name.erase(0, 1);
    auto set = posix_set(name);
    if (!set) refuse("the class [:" + name + ":], which is not known here");
    if (negative) set->complement();
    part.addAll(*set);
    at_ = end + 2;
    return true;
  }

  const std::string& text_;
  size_t at_ = 0;
  int depth_ = 0;
  Options options_;
};

}  // namespace

RegexNodePtr parse_regex(const std::string& expression) { return RegexParser(expression).parse(); }

}  // namespace heed::data::json_tokenizer
