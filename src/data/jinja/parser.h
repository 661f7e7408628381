// The expressions of a template; parser.cc has its tags.
#pragma once

#include <string>
#include <vector>

#include "data/jinja/lexer.h"
#include "data/jinja/syntax.h"

namespace heed::data::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  ExpressionPtr expression();
  /// One expression, or several with commas as a tuple. Without conditions an `if` behind it stays.
  ExpressionPtr tuple(bool conditions = true);
  /// The filters of {% filter a | b %} and {% set x | a | b %}; null where there is none.
  ExpressionPtr filters_of_body(bool first_is_bare);

  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& next() {
    const auto& token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  void expect(Token::Kind kind, const char* what);
  void operator_here(const char* op);
  int line() const { return peek().line; }

  /// One level of nesting more, of which there are not too many.
  class Deeper {
   public:
    explicit Deeper(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.depth_ > kDeepest) fail("nested deeper than 200");
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;

   private:
    static constexpr int kDeepest = 200;
    ExpressionParser& parser_;
  };

 private:
  ExpressionPtr make(Expression::Kind kind) const;
  ExpressionPtr binary(ExpressionPtr left, std::string op, ExpressionPtr right) const;
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr joined();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr signed_value(bool filters);
  ExpressionPtr primary();
  ExpressionPtr brackets();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr strings();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr called(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr filters(ExpressionPtr value);
  ExpressionPtr filter(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  Arguments arguments();

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace heed::data::jinja
