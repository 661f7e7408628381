#include <algorithm>
#include <charconv>

#include "data/jinja/parser.h"

namespace heed::data::jinja {
namespace {

using Kind = Token::Kind;
using Of = Expression::Kind;

bool is_any_op(const Token& token, std::initializer_list<std::string_view> ops) {
  return token.kind == Kind::op && std::find(ops.begin(), ops.end(), token.text) != ops.end();
}

/// With the levels of the tree under it, of which there are not too many.
ExpressionPtr counted(ExpressionPtr made) {
  constexpr int kMostLevels = 1000;
  const auto look_at = [&](const ExpressionPtr& part) {
    if (part) made->levels = std::max(made->levels, part->levels + 1);
  };
  for (const auto& part : made->parts) look_at(part);
  for (const auto& part : made->arguments.positional) look_at(part);
  for (const auto& [name, part] : made->arguments.named) look_at(part);
  if (made->levels > kMostLevels) fail("an expression of more than 1000 levels");
  return made;
}

}  // namespace

void ExpressionParser::expect(Kind kind, const char* what) {
  if (peek().kind != kind) fail("expected ", what, ", found '", peek().text, "'");
  next();
}

void ExpressionParser::operator_here(const char* op) {
  if (!peek().is_op(op)) fail("expected '", op, "', found '", peek().text, "'");
  next();
}

ExpressionPtr ExpressionParser::make(Of kind) const {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->line = line();
  return made;
}

ExpressionPtr ExpressionParser::binary(ExpressionPtr left, std::string op,
                                       ExpressionPtr right) const {
  auto made = make(Of::binary);
  made->text = std::move(op);
  made->parts.push_back(std::move(left));
  made->parts.push_back(std::move(right));
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::expression() {
  const Deeper deeper(*this);
  auto value = either();
  while (peek().is_name("if")) {
    next();
    auto made = make(Of::conditional);
    made->parts.push_back(either());
    made->parts.push_back(std::move(value));
    made->parts.push_back(nullptr);
    if (peek().is_name("else")) next(), made->parts[2] = expression();
    value = counted(std::move(made));
  }
  return value;
}

ExpressionPtr ExpressionParser::tuple(bool conditions) {
  auto first = conditions ? expression() : either();
  if (!peek().is_op(",")) return first;
  auto made = make(Of::tuple);
  made->parts.push_back(std::move(first));
  while (peek().is_op(",")) {
    next();
    if (peek().kind == Kind::print_end || peek().kind == Kind::block_end) break;
    made->parts.push_back(conditions ? expression() : either());
  }
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::filters_of_body(bool first_is_bare) {
  auto body = make(Of::constant);
  if (first_is_bare) return filters(filter(std::move(body)));
  return peek().is_op("|") ? filters(std::move(body)) : nullptr;
}

ExpressionPtr ExpressionParser::either() {
  auto value = both();
  while (peek().is_name("or")) {
    next(), value = binary(std::move(value), "or", both());
  }
  return value;
}

ExpressionPtr ExpressionParser::both() {
  auto value = negation();
  while (peek().is_name("and")) {
    next(), value = binary(std::move(value), "and", negation());
  }
  return value;
}

ExpressionPtr ExpressionParser::negation() {
  if (!peek().is_name("not")) return comparison();
  const Deeper deeper(*this);
  auto made = make(Of::unary);
  made->text = next().text;
  made->parts.push_back(negation());
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::comparison() {
  auto value = sum();
  auto made = make(Of::compare);
  for (;;) {
    std::string op;
    if (is_any_op(peek(), {"==", "!=", "<", "<=", ">", ">="})) {
      op = next().text;
    } else if (peek().is_name("in")) {
      op = next().text;
    } else if (peek().is_name("not") && peek(1).is_name("in")) {
      next(), next();
      op = "not in";
    } else {
      break;
    }
    made->words.push_back(op);
    made->parts.push_back(sum());
  }
  if (made->words.empty()) return value;
  made->parts.insert(made->parts.begin(), std::move(value));
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::sum() {
  auto value = joined();
  while (is_any_op(peek(), {"+", "-"})) {
    auto op = next().text;
    value = binary(std::move(value), std::move(op), joined());
  }
  return value;
}

ExpressionPtr ExpressionParser::joined() {
  auto value = product();
  if (!peek().is_op("~")) return value;
  auto made = make(Of::binary);
  made->text = "~";
  made->parts.push_back(std::move(value));
  while (peek().is_op("~")) next(), made->parts.push_back(product());
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::product() {
  auto value = power();
  while (is_any_op(peek(), {"*", "/", "//", "%"})) {
    auto op = next().text;
    value = binary(std::move(value), std::move(op), power());
  }
  return value;
}

ExpressionPtr ExpressionParser::power() {
  auto value = signed_value(true);
  while (peek().is_op("**")) {
    next(), value = binary(std::move(value), "**", signed_value(true));
  }
  return value;
}

ExpressionPtr ExpressionParser::signed_value(bool with_filters) {
  const Deeper deeper(*this);
  ExpressionPtr value;
  if (is_any_op(peek(), {"-", "+"})) {
    value = make(Of::unary);
    value->text = next().text;
    value->parts.push_back(signed_value(false));
    value = counted(std::move(value));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::strings() {
  auto made = make(Of::constant);
  std::string text;
  while (peek().kind == Kind::string) text += next().text;
  made->value = Value::text(std::move(text));
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::primary() {
  const auto& token = peek();
  if (token.kind == Kind::string) return strings();
  if (token.is_op("(")) return brackets();
  if (token.is_op("[")) return list();
  if (token.is_op("{")) return dict();
  auto made = make(Of::constant);
  if (token.kind == Kind::integer) {
    int64_t whole = 0;
    const auto* end = token.text.data() + token.text.size();
    if (std::from_chars(token.text.data(), end, whole).ec != std::errc())
      fail("the number ", token.text, " is too large");
    made->value = Value::integer(whole);
  } else if (token.kind == Kind::number) {
    made->value = Value::number(std::stod(token.text));
  } else if (token.kind == Kind::name) {
    const auto& name = token.text;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      made->value = Value::boolean(name.size() == 4);
    } else if (name == "none" || name == "None") {
      made->value = Value::none();
    } else {
      made->kind = Of::name;
      made->text = name;
    }
  } else {
    fail("expected a value, found '", token.text, "'");
  }
  next();
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::brackets() {
  next();
  auto made = make(Of::tuple);
  bool comma = false;
  while (!peek().is_op(")")) {
    made->parts.push_back(expression());
    if (!peek().is_op(",")) break;
    comma = true, next();
  }
  operator_here(")");
  if (made->parts.size() == 1 && !comma) return std::move(made->parts.front());
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::list() {
  next();
  auto made = make(Of::list);
  while (!peek().is_op("]")) {
    made->parts.push_back(expression());
    if (!peek().is_op(",")) break;
    next();
  }
  operator_here("]");
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::dict() {
  next();
  auto made = make(Of::dict);
  while (!peek().is_op("}")) {
    made->parts.push_back(expression());
    operator_here(":");
    made->parts.push_back(expression());
    if (!peek().is_op(",")) break;
    next();
  }
  operator_here("}");
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  for (;;) {
    if (peek().is_op(".")) {
      next();
      auto made = make(Of::attribute);
      if (peek().kind == Kind::integer) {
        made->kind = Of::item;
        made->parts.push_back(std::move(value));
        made->parts.push_back(primary());
      } else {
        if (peek().kind != Kind::name) fail("expected the name of an attribute");
        made->text = next().text;
        made->parts.push_back(std::move(value));
      }
      value = counted(std::move(made));
    } else if (peek().is_op("[")) {
      value = subscript(std::move(value));
    } else if (peek().is_op("(")) {
      value = called(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::called(ExpressionPtr value) {
  auto made = make(Of::call);
  made->parts.push_back(std::move(value));
  made->arguments = arguments();
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  next();
  auto made = make(Of::item);
  made->parts.push_back(std::move(value));
  const auto part = [&] {
    const bool absent = peek().is_op(":") || peek().is_op("]");
    made->parts.push_back(absent ? nullptr : expression());
  };
  if (peek().is_op("]")) fail("expected an index, found ']'");
  part();
  while (peek().is_op(":") && made->parts.size() < 4) {
    made->kind = Of::slice;
    next();
    part();
  }
  if (peek().is_op(",")) fail("an index of several values is not known here");
  operator_here("]");
  made->parts.resize(made->kind == Of::slice ? 4 : 2);
  return counted(std::move(made));
}

Arguments ExpressionParser::arguments() {
  operator_here("(");
  Arguments all;
  while (!peek().is_op(")")) {
    if (is_any_op(peek(), {"*", "**"})) fail("arguments by * and ** are not known here");
    if (peek().kind == Kind::name && peek(1).is_op("=")) {
      auto name = next().text;
      next();
      all.named.emplace_back(std::move(name), expression());
    } else {
      if (!all.named.empty()) fail("an argument without a name behind one with a name");
      all.positional.push_back(expression());
    }
    if (!peek().is_op(",")) break;
    next();
  }
  operator_here(")");
  return all;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr value) {
  for (;;) {
    if (peek().is_op("|")) {
      next();
      value = filter(std::move(value));
    } else if (peek().is_name("is")) {
      next();
      value = test(std::move(value));
    } else if (peek().is_op("(")) {
      value = called(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
  auto made = make(Of::filter);
  if (peek().kind != Kind::name) fail("expected the name of a filter, found '", peek().text, "'");
  made->text = next().text;
  made->parts.push_back(std::move(value));
  if (peek().is_op("(")) made->arguments = arguments();
  return counted(std::move(made));
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  auto made = make(Of::test);
  if (peek().is_name("not")) next(), made->kind = Of::negated_test;
  if (peek().kind != Kind::name) fail("expected the name of a test, found '", peek().text, "'");
  made->text = next().text;
  made->parts.push_back(std::move(value));
  const auto& then = peek();
  const bool word = then.kind == Kind::name && then.text != "else" && then.text != "or" &&
                    then.text != "and" && then.text != "is" && then.text != "if" &&
                    then.text != "in" && then.text != "not";
  if (then.is_op("("))
    made->arguments = arguments();
  else if (word || then.kind == Kind::string || then.kind == Kind::integer ||
           then.kind == Kind::number || is_any_op(then, {"[", "{"}))
    made->arguments.positional.push_back(postfix(primary()));
  return counted(std::move(made));
}

}  // namespace heed::data::jinja
