#include "data/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "core/utf8.h"
#include "data/jinja/value.h"

namespace heed::data::jinja {
namespace {

using Kind = Token::Kind;

constexpr std::array<std::string_view, 29> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(",
    ")",  "{",  "}",  ">",  "<",  "=",  ".", ":", "|", ",", ";", "!", "&", "@"};

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void add_character(std::string& all, uint32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    fail("a string has an escape of what is no character");
  append_utf8(all, code);
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) data();
    add(Kind::end, "");
    return std::move(tokens_);
  }
  int line() const { return line_; }

 private:
  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  bool sees(std::string_view what) const { return source_.compare(at_, what.size(), what) == 0; }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  void skip(size_t count) {
    const size_t end = std::min(source_.size(), at_ + count);
    line_ += static_cast<int>(
        std::count(source_.begin() + int64_t(at_), source_.begin() + int64_t(end), '\n'));
    at_ = end;
  }

  /// Text up to the next tag, and the tag's begin.
  void data() {
    size_t tag = at_;
    do {
      tag = source_.find('{', tag);
      if (tag == std::string::npos) tag = source_.size();
      if (tag + 1 < source_.size() &&
          (source_[tag + 1] == '%' || source_[tag + 1] == '{' || source_[tag + 1] == '#'))
        break;
      if (tag < source_.size()) ++tag;
    } while (tag < source_.size());
    std::string_view text(source_.data() + at_, tag - at_);
    const char kind = tag < source_.size() ? source_[tag + 1] : '\0';
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const auto kept = before_tag(text, kind, kind ? sign : '\0');
    if (!kept.empty()) add(Kind::data, std::string(kept));
    skip(text.size());
    if (!kind) return;
    skip(sign == '-' || sign == '+' ? 3 : 2);
    if (kind == '#') return comment();
    if (kind == '%' && raw()) return;
    tag_inside(kind == '%');
  }

  std::string_view before_tag(std::string_view text, char kind, char sign) const {
    if (sign == '-') {
      while (!text.empty()) {
        size_t last = text.size() - 1;
        while (last > 0 && (static_cast<uint8_t>(text[last]) & 0xC0) == 0x80) --last;
        if (!is_space(text.substr(last))) break;
        text.remove_suffix(text.size() - last);
      }
      return text;
    }
    if (sign == '+' || kind == '{' || kind == '\0') return text;
    const size_t newline = text.rfind('\n');
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    if (begin == 0 && !line_starting_) return text;
    const auto rest = characters(text.substr(begin));
    return std::all_of(rest.begin(), rest.end(), is_space) ? text.substr(0, begin) : text;
  }

  /// Behind what ends a tag: blanks that it takes.
  void after_tag(char sign, bool takes_newline) {
    const size_t begin = at_;
    size_t end = at_;
    if (sign == '-')
      while (end < source_.size()) {
        size_t next = end + 1;
        while (next < source_.size() && (static_cast<uint8_t>(source_[next]) & 0xC0) == 0x80)
          ++next;
        if (!is_space(std::string_view(source_).substr(end, next - end))) break;
        end = next;
      }
    else if (takes_newline && sign != '+' && peek() == '\n')
      ++end;
    line_starting_ = end > begin && source_[end - 1] == '\n';
    skip(end - begin);
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("a comment {# has no end #}");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    skip(end + 2 - at_);
    after_tag(sign == '-' || sign == '+' ? sign : '\0', true);
  }

  size_t blanks(size_t from) const {
    while (from < source_.size() &&
           (source_[from] == ' ' || source_[from] == '\t' || source_[from] == '\n'))
      ++from;
    return from;
  }

  /// The end of a tag {% word %} whose inside begins there, or 0.
  size_t end_of_word_tag(size_t from, std::string_view word, char& sign) const {
    from = blanks(from);
    if (source_.compare(from, word.size(), word) != 0) return 0;
    from = blanks(from + word.size());
    sign = from < source_.size() && (source_[from] == '-' || source_[from] == '+') ? source_[from]
                                                                                   : '\0';
    if (sign) ++from;
    return source_.compare(from, 2, "%}") == 0 ? from + 2 : 0;
  }

  bool raw() {
    char sign = '\0';
    const size_t begin = end_of_word_tag(at_, "raw", sign);
    if (begin == 0) return false;
    skip(begin - at_);
    after_tag(sign, true);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 2)) {
      const char first = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const bool has_sign = first == '-' || first == '+';
      const size_t end = end_of_word_tag(tag + (has_sign ? 3 : 2), "endraw", sign);
      if (end == 0) continue;
      const auto kept = before_tag(std::string_view(source_).substr(at_, tag - at_), '%',
                                   has_sign ? first : '\0');
      if (!kept.empty()) add(Kind::data, std::string(kept));
      skip(end - at_);
      after_tag(sign, true);
      return true;
    }
    fail("{% raw %} has no {% endraw %}");
  }

  void tag_inside(bool block) {
    add(block ? Kind::block_begin : Kind::print_begin, "");
    const std::string_view close = block ? "%}" : "}}";
    int braces = 0;
    for (;;) {
      while (at_ < source_.size() && is_space(std::string_view(source_).substr(at_, 1))) skip(1);
      if (at_ >= source_.size()) fail(block ? "a tag {% has no end %}" : "a tag {{ has no end }}");
      const char sign = peek();
      const bool signed_end =
          (sign == '-' || (block && sign == '+')) && source_.compare(at_ + 1, 2, close) == 0;
      if (braces == 0 && (signed_end || sees(close))) {
        skip(signed_end ? 3 : 2);
        add(block ? Kind::block_end : Kind::print_end, "");
        after_tag(signed_end ? sign : '\0', block);
        return;
      }
      if (sign == '{') ++braces;
      if (sign == '}') --braces;
      expression_token();
    }
  }

  void expression_token() {
    const char c = peek();
    if (is_name_start(c)) {
      size_t end = at_;
      while (end < source_.size() && (is_name_start(source_[end]) || is_digit(source_[end]))) ++end;
      add(Kind::name, source_.substr(at_, end - at_));
      skip(end - at_);
    } else if (is_digit(c)) {
      number();
    } else if (c == '"' || c == '\'') {
      string(c);
    } else {
      const auto found =
          std::find_if(kOperators.begin(), kOperators.end(), [&](auto op) { return sees(op); });
      if (found == kOperators.end()) fail("unexpected character '", std::string(1, c), "'");
      add(Kind::op, std::string(*found));
      skip(found->size());
    }
  }

  void number() {
    size_t end = at_;
    bool real = false;
    const auto digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) || source_[end] == '_')) ++end;
    };
    digits();
    if (end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1]))
      real = true, ++end, digits();
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t next = end + 1;
      if (next < source_.size() && (source_[next] == '+' || source_[next] == '-')) ++next;
      if (next < source_.size() && is_digit(source_[next])) real = true, end = next, digits();
    }
    auto text = source_.substr(at_, end - at_);
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    if (end < source_.size() && is_name_start(source_[end]))
      fail("unexpected '", text, source_[end], "'");
    add(real ? Kind::number : Kind::integer, text);
    skip(end - at_);
  }

  uint32_t hex(size_t digits) {
    uint32_t code = 0;
    for (size_t i = 0; i < digits; ++i) {
      const char c = peek();
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0)
        fail("a string has an escape without its ", std::to_string(digits), " hexadecimal digits");
      code = code << 4 | static_cast<uint32_t>(digit);
      skip(1);
    }
    return code;
  }

  void escape(std::string& text) {
    constexpr std::string_view kShort = "n\nt\tr\ra\ab\bf\fv\v\\\\''\"\"";
    const char c = peek();
    skip(1);
    if (c == '\n') return;
    if (c == 'x') return add_character(text, hex(2));
    if (c == 'u') return add_character(text, hex(4));
    if (c == 'U') return add_character(text, hex(8));
    if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i)
        code = code * 8 + static_cast<uint32_t>(peek() - '0'), skip(1);
      return add_character(text, code);
    }
    for (size_t i = 0; i < kShort.size(); i += 2)
      if (c == kShort[i]) {
        text += kShort[i + 1];
        return;
      }
    (text += '\\') += c;
  }

  void string(char quote) {
    const int begin = line_;
    skip(1);
    std::string text;
    while (at_ < source_.size() && peek() != quote) {
      const char c = peek();
      skip(1);
      if (c != '\\')
        text += c;
      else if (at_ < source_.size())
        escape(text);
    }
    if (at_ >= source_.size()) line_ = begin, fail("a string has no end ", std::string(1, quote));
    skip(1);
    add(Kind::string, std::move(text));
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

/// Line ends as \n, the last one left out.
std::string with_plain_lines(std::string_view source) {
  std::string all;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      all += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      all += '\n';
  }
  if (all.ends_with('\n')) all.pop_back();
  return all;
}

}  // namespace

std::vector<Token> tokens_of(std::string_view source) {
  Lexer lexer(with_plain_lines(source));
  try {
    return lexer.run();
  } catch (TemplateError& error) {
    error.message = "line " + std::to_string(lexer.line()) + ": " + error.message;
    throw;
  }
}

}  // namespace heed::data::jinja
