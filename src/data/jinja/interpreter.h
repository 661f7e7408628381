// Runs a template.
#pragma once

#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/jinja/syntax.h"

namespace heed::data::jinja {

/// What a template may cost; beyond that it is refused.
struct Limits {
  int64_t steps = 5'000'000;           ///< expressions and statements
  int64_t bytes = int64_t{256} << 20;  ///< of all texts and lists that it makes
  int64_t output = int64_t{32} << 20;
  int calls = 100;   ///< of macros in each other
  int depth = 2000;  ///< of expressions and statements in each other
};

/// What a filter, a test, a function or a method is called with.
struct Given {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// Argument i, which may be given by name; null where it is not given.
  const Value* find(size_t i, std::string_view name) const;
  std::string text(size_t i, std::string_view name, const std::string& otherwise) const;
  int64_t integer(size_t i, std::string_view name, int64_t otherwise) const;
  bool flag(size_t i, std::string_view name, bool otherwise) const;
  /// Throws unless there are at most that many, and no other names.
  void check(const std::string& of, size_t most,
             std::initializer_list<std::string_view> names = {}) const;
};

class Interpreter {
 public:
  Interpreter(const Limits& limits, const std::tm& now) : limits_(limits), now_(now) {}

  /// What is written, with these names set. Throws TemplateError, which names the line.
  std::string run(const Body& body, const Dict& names);

  // For filters, tests and methods:
  void charge(size_t bytes);
  Value made_text(std::string text, bool safe = false);
  Value made_list(std::vector<Value> items, bool tuple = false);
  /// What a loop goes through.
  std::vector<Value> items_of(const Value& value);
  Value attribute(const Value& of, const std::string& name);
  Value item(const Value& of, const Value& key);
  Value add(const Value& a, const Value& b);
  bool contains(const Value& all, const Value& one);

 private:
  enum class Flow { on, broken, continued };
  struct Scope {
    Dict names;
    Scope* parent = nullptr;
  };
  class Inside;
  class Deeper;

  void step(int line);
  void write(const std::string& text);
  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow loop(const Statement& statement);
  void assign(const Statement& statement);
  void bind(const std::vector<std::string>& names, const Value& value);
  std::string captured(const Body& body);
  Space* new_space();

  Value evaluate(const Expression& expression);
  Value value_of(const Expression& expression);
  Value name(const std::string& name) const;
  Value operation(const Expression& expression);
  Value joined(const Expression& expression);
  Value arithmetic(const std::string& op, const Value& a, const Value& b);
  Value times(const Value& a, const Value& b);
  bool compared(const Expression& expression);
  Value slice(const Expression& expression);
  Value call(const Expression& expression);
  Value call_macro(const Macro& macro, const Given& given);
  Value function(const std::string& name, const Given& given);
  Given given(const Arguments& arguments);
  Value through_filters(const Expression& filters, const Value& body);
  Value strftime(const std::string& format);

  Limits limits_;
  std::tm now_;
  int64_t steps_ = 0, bytes_ = 0;
  int calls_ = 0, depth_ = 0, line_ = 1;
  Scope* scope_ = nullptr;
  Scope* global_ = nullptr;
  std::string* out_ = nullptr;
  const Value* body_text_ = nullptr;  ///< what filters of a block begin with
  std::deque<Space> spaces_;
};

/// The filters, tests and methods of texts and mappings that are known. Throw TemplateError that names
/// those where `name` is none.
Value apply_filter(Interpreter& run, const std::string& name, const Value& value,
                   const Given& given);
bool apply_test(Interpreter& run, const std::string& name, const Value& value, const Given& given);
Value call_method(Interpreter& run, const Value& of, const std::string& name, const Given& given);
bool has_method(const Value& of, const std::string& name);

}  // namespace heed::data::jinja
