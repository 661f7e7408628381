#include "data/jinja/interpreter.h"

#include <algorithm>

namespace heed::data::jinja {
namespace {

constexpr const char* kFunctions[] = {"raise_exception", "strftime_now", "namespace", "range",
                                      "dict"};

}  // namespace

/// A scope for as long as it lives.
class Interpreter::Inside {
 public:
  Inside(Interpreter& run, Scope* parent) : run_(run), before_(run.scope_) {
    scope_.parent = parent;
    run.scope_ = &scope_;
  }
  ~Inside() { run_.scope_ = before_; }
  Inside(const Inside&) = delete;

 private:
  Interpreter& run_;
  Scope* before_;
  Scope scope_;
};

/// One level of the stack more.
class Interpreter::Deeper {
 public:
  explicit Deeper(Interpreter& run) : run_(run) {
    if (++run.depth_ > run.limits_.depth) fail("it is nested too deep");
  }
  ~Deeper() { --run_.depth_; }
  Deeper(const Deeper&) = delete;

 private:
  Interpreter& run_;
};

std::string Interpreter::run(const Body& body, const Dict& names) {
  std::string out;
  out_ = &out;
  Scope constants, global;
  for (const char* function : kFunctions)
    constants.names.set(function, Value::callable({function, nullptr, nullptr}));
  for (const auto& [name, value] : names.items) constants.names.set(name, value);
  global.parent = &constants;
  scope_ = global_ = &global;
  try {
    execute(body);
  } catch (TemplateError& error) {
    error.message = "line " + std::to_string(line_) + ": " + error.message;
    throw;
  }
  return out;
}

void Interpreter::step(int line) {
  line_ = line;
  if (++steps_ > limits_.steps)
    fail("it takes more than ", std::to_string(limits_.steps), " steps");
}

void Interpreter::charge(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes) + 32;
  if (bytes_ > limits_.bytes) fail("it makes more than ", std::to_string(limits_.bytes), " bytes");
}

Value Interpreter::made_text(std::string text, bool safe) {
  charge(text.size());
  return Value::text(std::move(text), safe);
}

Value Interpreter::made_list(std::vector<Value> items, bool tuple) {
  charge(items.size() * sizeof(Value));
  return Value::list(std::move(items), tuple);
}

Space* Interpreter::new_space() {
  charge(sizeof(Space));
  return &spaces_.emplace_back();
}

void Interpreter::write(const std::string& text) {
  charge(text.size());
  if (static_cast<int64_t>(out_->size() + text.size()) > limits_.output)
    fail("it writes more than ", std::to_string(limits_.output), " bytes");
  *out_ += text;
}

std::string Interpreter::captured(const Body& body) {
  std::string text;
  auto* before = out_;
  out_ = &text;
  const Inside inside(*this, scope_);
  execute(body);
  out_ = before;
  return text;
}

Interpreter::Flow Interpreter::execute(const Body& body) {
  for (const auto& statement : body)
    if (const auto flow = execute(*statement); flow != Flow::on) return flow;
  return Flow::on;
}

Interpreter::Flow Interpreter::execute(const Statement& statement) {
  using Kind = Statement::Kind;
  const Deeper deeper(*this);
  step(statement.line);
  switch (statement.kind) {
    case Kind::data:
      write(statement.text);
      break;
    case Kind::print:
      write(str(evaluate(*statement.first)));
      break;
    case Kind::condition:
      return execute(evaluate(*statement.first).truth() ? statement.body : statement.other);
    case Kind::loop:
      return loop(statement);
    case Kind::assign:
      assign(statement);
      break;
    case Kind::assign_block: {
      auto text = made_text(captured(statement.body));
      if (statement.filters) text = through_filters(*statement.filters, text);
      scope_->names.set(statement.names.front(), text);
      break;
    }
    case Kind::macro:
      scope_->names.set(statement.macro.name,
                        Value::callable({statement.macro.name, nullptr, &statement.macro}));
      break;
    case Kind::filter_block:
      write(str(through_filters(*statement.filters, made_text(captured(statement.body)))));
      break;
    case Kind::block: {
      const Inside inside(*this, scope_);
      return execute(statement.body);
    }
    case Kind::break_loop:
      return Flow::broken;
    case Kind::continue_loop:
      return Flow::continued;
  }
  return Flow::on;
}

void Interpreter::bind(const std::vector<std::string>& names, const Value& value) {
  if (names.size() == 1) return scope_->names.set(names.front(), value);
  const auto items = items_of(value);
  if (items.size() != names.size())
    fail("expected ", std::to_string(names.size()), " values, found ",
         std::to_string(items.size()));
  for (size_t i = 0; i < names.size(); ++i) scope_->names.set(names[i], items[i]);
}

void Interpreter::assign(const Statement& statement) {
  const auto value = evaluate(*statement.first);
  if (statement.text.empty()) return bind(statement.names, value);
  auto* space = name(statement.text).as_space();
  if (!space || space->is_loop)
    fail("'", statement.text, "' is no namespace, so no attribute of it can be set");
  space->attributes.set(statement.names.front(), value);
}

Interpreter::Flow Interpreter::loop(const Statement& statement) {
  auto items = items_of(evaluate(*statement.first));
  if (statement.second) {
    std::vector<Value> kept;
    for (const auto& item : items) {
      const Inside inside(*this, scope_);
      bind(statement.names, item);
      if (evaluate(*statement.second).truth()) kept.push_back(item);
    }
    items = std::move(kept);
  }
  if (items.empty()) {
    const Inside inside(*this, scope_);
    return execute(statement.other);
  }
  auto* space = new_space();
  space->is_loop = true;
  auto& loop = space->attributes;
  const auto n = static_cast<int64_t>(items.size());
  for (int64_t i = 0; i < n; ++i) {
    const auto at = [&](int64_t place, const char* name) {
      return place < 0 || place >= n ? Value::undefined(name) : items[static_cast<size_t>(place)];
    };
    loop.set("index", Value::integer(i + 1));
    loop.set("index0", Value::integer(i));
    loop.set("revindex", Value::integer(n - i));
    loop.set("revindex0", Value::integer(n - i - 1));
    loop.set("first", Value::boolean(i == 0));
    loop.set("last", Value::boolean(i == n - 1));
    loop.set("length", Value::integer(n));
    loop.set("previtem", at(i - 1, "there is no previous item"));
    loop.set("nextitem", at(i + 1, "there is no next item"));
    const Inside inside(*this, scope_);
    scope_->names.set("loop", Value::space(space));
    bind(statement.names, items[static_cast<size_t>(i)]);
    if (execute(statement.body) == Flow::broken) break;
  }
  return Flow::on;
}

Value Interpreter::evaluate(const Expression& expression) {
  const Deeper deeper(*this);
  step(expression.line);
  return value_of(expression);
}

Value Interpreter::through_filters(const Expression& filters, const Value& body) {
  const auto* before = body_text_;
  body_text_ = &body;
  auto value = evaluate(filters);
  body_text_ = before;
  return value;
}

Value Interpreter::call_macro(const Macro& macro, const Given& given) {
  if (++calls_ > limits_.calls)
    fail("macros call each other more than ", std::to_string(limits_.calls), " deep");
  if (given.positional.size() > macro.parameters.size())
    fail("the macro '", macro.name, "' takes ", std::to_string(macro.parameters.size()),
         " arguments, given ", std::to_string(given.positional.size()));
  for (const auto& [name, value] : given.named)
    if (std::none_of(macro.parameters.begin(), macro.parameters.end(),
                     [&, &name = name](const auto& known) { return known.name == name; }))
      fail("the macro '", macro.name, "' has no parameter '", name, "'");
  std::string text;
  auto* before = out_;
  {
    const Inside inside(*this, global_);
    for (size_t i = 0; i < macro.parameters.size(); ++i) {
      const auto& parameter = macro.parameters[i];
      const auto* value = given.find(i, parameter.name);
      scope_->names.set(parameter.name, value                 ? *value
                                        : parameter.otherwise ? evaluate(*parameter.otherwise)
                                                              : Value::undefined(parameter.name));
    }
    out_ = &text;
    execute(macro.body);
  }
  out_ = before;
  --calls_;
  return made_text(std::move(text));
}

}  // namespace heed::data::jinja
