#include <algorithm>
#include <cmath>

#include "data/jinja/interpreter.h"

namespace heed::data::jinja {
namespace {

using Of = Expression::Kind;

void check_overflow(bool overflow) {
  if (overflow) fail("a whole number beyond 64 bits");
}

int64_t floor_div(int64_t a, int64_t b) {
  if (b == 0) fail("division by zero");
  check_overflow(a == INT64_MIN && b == -1);
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

Value whole_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    check_overflow(__builtin_mul_overflow(result, base, &result));
    if (result == 0 || result == 1) break;
    if (result == -1 && base == -1) return Value::integer(exponent % 2 ? -1 : 1);
  }
  return Value::integer(result);
}

}  // namespace

const Value* Given::find(size_t i, std::string_view name) const {
  if (i < positional.size()) return &positional[i];
  for (const auto& [own, value] : named)
    if (own == name) return &value;
  return nullptr;
}

std::string Given::text(size_t i, std::string_view name, const std::string& otherwise) const {
  const auto* value = find(i, name);
  if (!value) return otherwise;
  if (!value->as_text())
    fail("argument ", std::string(name), ": expected a string, found ", value->kind());
  return value->as_text()->text;
}

int64_t Given::integer(size_t i, std::string_view name, int64_t otherwise) const {
  const auto* value = find(i, name);
  return value ? value->as_integer() : otherwise;
}

bool Given::flag(size_t i, std::string_view name, bool otherwise) const {
  const auto* value = find(i, name);
  return value ? value->truth() : otherwise;
}

void Given::check(const std::string& of, size_t most,
                  std::initializer_list<std::string_view> names) const {
  if (positional.size() > most)
    fail(of, ": expected at most ", std::to_string(most), " arguments, given ",
         std::to_string(positional.size()));
  for (const auto& [name, value] : named)
    if (std::find(names.begin(), names.end(), name) == names.end())
      fail(of, ": the argument '", name, "' is not known here");
}

Value Interpreter::name(const std::string& name) const {
  for (const auto* scope = scope_; scope; scope = scope->parent)
    if (const auto* found = scope->names.find(name)) return *found;
  return Value::undefined(name);
}

Given Interpreter::given(const Arguments& arguments) {
  Given all;
  for (const auto& argument : arguments.positional) all.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : arguments.named)
    all.named.emplace_back(name, evaluate(*argument));
  return all;
}

Value Interpreter::value_of(const Expression& expression) {
  const auto part = [&](size_t i) { return evaluate(*expression.parts[i]); };
  switch (expression.kind) {
    case Of::constant:
      return expression.value.is_undefined() && body_text_ ? *body_text_ : expression.value;
    case Of::name:
      return name(expression.text);
    case Of::list:
    case Of::tuple: {
      std::vector<Value> items;
      for (const auto& each : expression.parts) items.push_back(evaluate(*each));
      return made_list(std::move(items), expression.kind == Of::tuple);
    }
    case Of::dict: {
      Dict dict;
      for (size_t i = 0; i < expression.parts.size(); i += 2) {
        const auto key = part(i);
        if (!key.as_text()) fail("keys of mappings are strings here, found ", key.kind());
        dict.set(key.as_text()->text, part(i + 1));
      }
      charge(dict.items.size() * sizeof(Value));
      return Value::dict(std::move(dict));
    }
    case Of::attribute:
      return attribute(part(0), expression.text);
    case Of::item: {
      const auto of = part(0);
      return item(of, part(1));
    }
    case Of::slice:
      return slice(expression);
    case Of::call:
      return call(expression);
    case Of::filter: {
      const auto value = part(0);
      return apply_filter(*this, expression.text, value, given(expression.arguments));
    }
    case Of::test:
    case Of::negated_test: {
      const auto value = part(0);
      const bool is = apply_test(*this, expression.text, value, given(expression.arguments));
      return Value::boolean(is == (expression.kind == Of::test));
    }
    case Of::unary:
    case Of::binary:
      return operation(expression);
    case Of::compare:
      return Value::boolean(compared(expression));
    case Of::conditional:
      if (part(0).truth()) return part(1);
      return expression.parts[2] ? part(2) : Value::undefined("the condition without else");
  }
  return {};
}

Value Interpreter::operation(const Expression& expression) {
  const auto& op = expression.text;
  if (op == "~") return joined(expression);
  const auto a = evaluate(*expression.parts[0]);
  if (expression.kind == Of::unary) {
    if (op == "not") return Value::boolean(!a.truth());
    if (!a.is_number()) fail("expected a number behind ", op, ", found ", a.kind());
    if (op == "+") return a;
    if (a.is_integer()) return arithmetic("-", Value::integer(0), a);
    return Value::number(-a.as_number());
  }
  if (op == "and") return a.truth() ? evaluate(*expression.parts[1]) : a;
  if (op == "or") return a.truth() ? a : evaluate(*expression.parts[1]);
  const auto b = evaluate(*expression.parts[1]);
  line_ = expression.line;
  if (op == "+") return add(a, b);
  if (op == "*") return times(a, b);
  return arithmetic(op, a, b);
}

/// a ~ b ~ c, which Jinja does not escape.
Value Interpreter::joined(const Expression& expression) {
  std::string all;
  for (const auto& part : expression.parts) {
    all += str(evaluate(*part));
    charge(0);
  }
  return made_text(std::move(all));
}

Value Interpreter::add(const Value& a, const Value& b) {
  if (a.as_text() && b.as_text()) {
    const auto &x = *a.as_text(), &y = *b.as_text();
    if (x.safe == y.safe) return made_text(x.text + y.text, x.safe);
    return made_text(x.safe ? x.text + escaped(y.text) : escaped(x.text) + y.text, true);
  }
  if (a.as_list() && b.as_list()) {
    auto items = a.as_list()->items;
    items.insert(items.end(), b.as_list()->items.begin(), b.as_list()->items.end());
    return made_list(std::move(items), a.as_list()->tuple);
  }
  return arithmetic("+", a, b);
}

Value Interpreter::times(const Value& a, const Value& b) {
  if (a.is_integer() && (b.as_text() || b.as_list())) return times(b, a);
  if (!b.is_integer() || !(a.as_text() || a.as_list())) return arithmetic("*", a, b);
  const auto count = static_cast<size_t>(std::max<int64_t>(b.as_integer(), 0));
  const size_t size =
      a.as_text() ? a.as_text()->text.size() : a.as_list()->items.size() * sizeof(Value);
  if (count > 0 && size > static_cast<size_t>(limits_.bytes) / count)
    charge(static_cast<size_t>(limits_.bytes));
  charge(size * count);
  if (size == 0) return a;
  if (a.as_text()) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += a.as_text()->text;
    return Value::text(std::move(text), a.as_text()->safe);
  }
  std::vector<Value> items;
  for (size_t i = 0; i < count; ++i)
    items.insert(items.end(), a.as_list()->items.begin(), a.as_list()->items.end());
  return Value::list(std::move(items), a.as_list()->tuple);
}

Value Interpreter::arithmetic(const std::string& op, const Value& a, const Value& b) {
  if (!a.is_number() || !b.is_number()) fail("no '", op, "' of ", a.kind(), " and ", b.kind());
  if (a.is_integer() && b.is_integer() && op != "/") {
    const int64_t x = a.as_integer(), y = b.as_integer();
    int64_t z = 0;
    const bool simple = op == "+" || op == "-" || op == "*";
    check_overflow(op == "+"   ? __builtin_add_overflow(x, y, &z)
                   : op == "-" ? __builtin_sub_overflow(x, y, &z)
                   : op == "*" ? __builtin_mul_overflow(x, y, &z)
                               : false);
    if (simple) return Value::integer(z);
    if (op == "//") return Value::integer(floor_div(x, y));
    if (op == "%") return Value::integer(y == -1 ? 0 : x - floor_div(x, y) * y);
    if (y >= 0) return whole_power(x, y);
  }
  const double x = a.as_number(), y = b.as_number();
  if (op == "+") return Value::number(x + y);
  if (op == "-") return Value::number(x - y);
  if (op == "*") return Value::number(x * y);
  if (op == "**") return Value::number(std::pow(x, y));
  if (y == 0) fail("division by zero");
  if (op == "/") return Value::number(x / y);
  if (op == "//") return Value::number(std::floor(x / y));
  const double rest = std::fmod(x, y);
  return Value::number(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
}

bool Interpreter::contains(const Value& all, const Value& one) {
  if (all.as_text()) {
    if (!one.as_text()) fail("expected a string before 'in', found ", one.kind());
    charge(0);
    return all.as_text()->text.find(one.as_text()->text) != std::string::npos;
  }
  if (all.as_dict()) return one.as_text() && all.as_dict()->find(one.as_text()->text);
  for (const auto& each : items_of(all))
    if (equal(each, one)) return true;
  return false;
}

bool Interpreter::compared(const Expression& expression) {
  auto a = evaluate(*expression.parts[0]);
  for (size_t i = 0; i < expression.words.size(); ++i) {
    const auto& op = expression.words[i];
    auto b = evaluate(*expression.parts[i + 1]);
    bool holds = false;
    if (op == "==" || op == "!=") {
      holds = equal(a, b) == (op == "==");
    } else if (op == "in" || op == "not in") {
      holds = contains(b, a) == (op == "in");
    } else {
      int order = 0;
      const bool nan = a.is_number() && b.is_number();
      if (!compare(a, b, order)) {
        if (!nan) fail("no '", op, "' of ", a.kind(), " and ", b.kind());
        return false;
      }
      holds = op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
    }
    if (!holds) return false;
    a = std::move(b);
  }
  return true;
}

std::vector<Value> Interpreter::items_of(const Value& value) {
  std::vector<Value> items;
  if (const auto* list = value.as_list()) {
    items = list->items;
  } else if (const auto* dict = value.as_dict()) {
    for (const auto& [key, one] : dict->items) items.push_back(made_text(key));
  } else if (const auto* text = value.as_text()) {
    for (const auto character : characters(text->text))
      items.push_back(made_text(std::string(character)));
  } else if (!value.is_undefined()) {
    fail("expected what a loop can go through, found ", value.kind());
  }
  charge(items.size() * sizeof(Value));
  return items;
}

Value Interpreter::slice(const Expression& expression) {
  const auto of = evaluate(*expression.parts[0]);
  const auto bound = [&](size_t i) {
    return expression.parts[i] ? evaluate(*expression.parts[i]) : Value::none();
  };
  const auto from = bound(1), to = bound(2), by = bound(3);
  const int64_t step = by.is_none() ? 1 : by.as_integer();
  if (step == 0) fail("the step of a slice is 0");
  if (!of.as_text() && !of.as_list()) fail("no part of ", of.kind());
  const auto all = items_of(of);
  const auto n = static_cast<int64_t>(all.size());
  const auto place = [&](const Value& given, int64_t otherwise) {
    if (given.is_none()) return otherwise;
    int64_t at = given.as_integer();
    if (at < 0) at = std::max(at + n, step < 0 ? int64_t{-1} : 0);
    return std::min(at, step < 0 ? n - 1 : n);
  };
  const int64_t begin = place(from, step < 0 ? n - 1 : 0), end = place(to, step < 0 ? -1 : n);
  std::vector<Value> items;
  std::string text;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (of.as_text())
      text += all[static_cast<size_t>(i)].as_text()->text;
    else
      items.push_back(all[static_cast<size_t>(i)]);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return of.as_text() ? made_text(std::move(text), of.as_text()->safe)
                      : made_list(std::move(items), of.as_list()->tuple);
}

}  // namespace heed::data::jinja
