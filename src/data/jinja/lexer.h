// A template as tokens. Blanks about blocks are taken away as transformers tells Jinja to (trim_blocks, lstrip_blocks).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed::data::jinja {

struct Token {
  enum class Kind {
    data,         ///< text as it stands
    block_begin,  ///< {%
    block_end,
    print_begin,  ///< {{
    print_end,
    name,
    string,
    integer,
    number,
    op,  ///< an operator or a bracket
    end
  };
  Kind kind;
  std::string text;
  int line;

  bool is(Kind other, std::string_view word) const { return kind == other && text == word; }
  bool is_op(std::string_view word) const { return is(Kind::op, word); }
  bool is_name(std::string_view word) const { return is(Kind::name, word); }
};

/// Throws TemplateError with the line.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace heed::data::jinja
