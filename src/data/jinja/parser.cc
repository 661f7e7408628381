#include "data/jinja/parser.h"

#include <algorithm>

namespace heed::data::jinja {
namespace {

using Kind = Token::Kind;
using Tag = Statement::Kind;

std::unique_ptr<Statement> statement(Tag kind, int line) {
  auto made = std::make_unique<Statement>();
  made->kind = kind;
  made->line = line;
  return made;
}

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::vector<Token> tokens) : ExpressionParser(std::move(tokens)) {}

  Body run() {
    auto all = body({});
    if (peek().kind != Kind::end) fail("unexpected '", peek().text, "'");
    return all;
  }
  using ExpressionParser::line;

 private:
  /// Up to a tag with one of these words, which stays; without words to the end.
  Body body(const std::vector<std::string>& ends) {
    const Deeper deeper(*this);
    Body all;
    while (peek().kind != Kind::end) {
      const auto& token = peek();
      if (token.kind == Kind::data) {
        all.push_back(statement(Tag::data, token.line));
        all.back()->text = next().text;
      } else if (token.kind == Kind::print_begin) {
        next();
        all.push_back(statement(Tag::print, token.line));
        all.back()->first = tuple();
        expect(Kind::print_end, "}}");
      } else {
        const auto& word = peek(1);
        if (word.kind == Kind::name && std::find(ends.begin(), ends.end(), word.text) != ends.end())
          return all;
        next();
        all.push_back(tag());
      }
    }
    if (!ends.empty()) fail("the template ends before {% ", ends.back(), " %}");
    return all;
  }

  void end_tag() { expect(Kind::block_end, "%}"); }
  void end_of(const char* word) {
    next();
    if (!peek().is_name(word)) fail("expected {% ", word, " %}, found '", peek().text, "'");
    next();
    if (std::string_view(word) == "endmacro" && peek().kind == Kind::name) next();
    end_tag();
  }

  std::unique_ptr<Statement> tag() {
    const auto word = peek();
    if (word.kind != Kind::name) fail("expected the name of a tag, found '", word.text, "'");
    next();
    if (word.text == "if") return condition(word.line);
    if (word.text == "for") return loop(word.line);
    if (word.text == "set") return assignment(word.line);
    if (word.text == "macro") return macro(word.line);
    if (word.text == "filter") return filter_block(word.line);
    if (word.text == "generation") return generation(word.line);
    if (word.text == "break" || word.text == "continue") {
      if (loops_ == 0) fail("{% ", word.text, " %} outside of a loop");
      end_tag();
      return statement(word.text == "break" ? Tag::break_loop : Tag::continue_loop, word.line);
    }
    fail("unknown tag '", word.text,
         "'; known: if, for, set, macro, filter, generation, break, continue, raw");
  }

  std::unique_ptr<Statement> condition(int line) {
    auto made = statement(Tag::condition, line);
    made->first = tuple();
    end_tag();
    made->body = body({"elif", "else", "endif"});
    const auto& word = peek(1);
    if (word.text == "elif") {
      next(), next();
      const Deeper deeper(*this);
      made->other.push_back(condition(word.line));
      return made;
    }
    if (word.text == "else") {
      next(), next(), end_tag();
      made->other = body({"endif"});
    }
    end_of("endif");
    return made;
  }

  std::vector<std::string> targets() {
    std::vector<std::string> names;
    const bool brackets = peek().is_op("(");
    if (brackets) next();
    do {
      if (!names.empty()) next();
      if (peek().kind != Kind::name) fail("expected a name, found '", peek().text, "'");
      names.push_back(next().text);
    } while (peek().is_op(","));
    if (brackets) operator_here(")");
    return names;
  }

  std::unique_ptr<Statement> loop(int line) {
    auto made = statement(Tag::loop, line);
    made->names = targets();
    if (!peek().is_name("in")) fail("expected 'in' behind the names of a loop");
    next();
    made->first = tuple(false);
    if (peek().is_name("if")) next(), made->second = expression();
    if (peek().is_name("recursive")) fail("loops that are recursive are not known here");
    end_tag();
    ++loops_;
    made->body = body({"else", "endfor"});
    --loops_;
    if (peek(1).text == "else") {
      next(), next(), end_tag();
      made->other = body({"endfor"});
    }
    end_of("endfor");
    return made;
  }

  std::unique_ptr<Statement> assignment(int line) {
    auto made = statement(Tag::assign, line);
    if (peek(1).is_op(".")) {
      made->text = next().text;
      next();
      if (peek().kind != Kind::name) fail("expected the name of an attribute");
      made->names = {next().text};
    } else {
      made->names = targets();
    }
    if (peek().is_op("=")) {
      next();
      made->first = tuple();
      end_tag();
      return made;
    }
    if (made->names.size() != 1 || !made->text.empty()) fail("expected '=' in {% set %}");
    made->kind = Tag::assign_block;
    made->filters = filters_of_body(false);
    end_tag();
    made->body = body({"endset"});
    end_of("endset");
    return made;
  }

  std::unique_ptr<Statement> macro(int line) {
    if (loops_ > 0 || macros_ > 0) fail("a macro in a loop or a macro is not known here");
    auto made = statement(Tag::macro, line);
    made->macro.name = next().text;
    operator_here("(");
    while (!peek().is_op(")")) {
      if (!made->macro.parameters.empty()) operator_here(",");
      if (peek().kind != Kind::name) fail("expected the name of a parameter");
      made->macro.parameters.push_back({next().text, nullptr});
      if (peek().is_op("=")) next(), made->macro.parameters.back().otherwise = expression();
    }
    next();
    end_tag();
    ++macros_;
    made->macro.body = body({"endmacro"});
    --macros_;
    end_of("endmacro");
    return made;
  }

  std::unique_ptr<Statement> filter_block(int line) {
    auto made = statement(Tag::filter_block, line);
    made->filters = filters_of_body(true);
    end_tag();
    made->body = body({"endfilter"});
    end_of("endfilter");
    return made;
  }

  /// What transformers marks as the assistant's text.
  std::unique_ptr<Statement> generation(int line) {
    auto made = statement(Tag::block, line);
    end_tag();
    made->body = body({"endgeneration"});
    end_of("endgeneration");
    return made;
  }

  int loops_ = 0, macros_ = 0;
};

}  // namespace

Body parse(std::string_view source) {
  Parser parser(tokens_of(source));
  try {
    return parser.run();
  } catch (TemplateError& error) {
    error.message = "line " + std::to_string(parser.line()) + ": " + error.message;
    throw;
  }
}

}  // namespace heed::data::jinja
