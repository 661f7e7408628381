// Values of a template, as Python has them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace heed::data::jinja {

class Value;

/// What a name has that was never set: false, empty, and an error where something is asked of it.
struct Undefined {
  std::string name;
};
struct None {};

/// `safe`: what the filters safe and escape give, to which other texts are added escaped.
struct Text {
  std::string text;
  bool safe = false;
};
struct List {
  std::vector<Value> items;
  bool tuple = false;
  const char* view = nullptr;  ///< "dict_items", as Python writes what a mapping's methods give
  int levels = 1;              ///< of values in each other
};
struct Dict {
  std::vector<std::pair<std::string, Value>> items;  ///< in the order in which they came
  int levels = 1;

  const Value* find(std::string_view key) const;
  void set(const std::string& key, Value value);
};
/// namespace(...), and `loop`; the interpreter owns them.
struct Space {
  Dict attributes;
  bool is_loop = false;
};

struct Macro;
/// What can be called: a function by its name, a method of a value, or a macro.
struct Callable {
  std::string name;
  std::shared_ptr<const Value> of;
  const Macro* macro = nullptr;
  int levels = 1;
};

class Value {
 public:
  Value() : value_(Undefined{}) {}
  static Value undefined(std::string name) { return Value(Undefined{std::move(name)}); }
  static Value none() { return Value(None{}); }
  static Value boolean(bool value) { return Value(value); }
  static Value integer(int64_t value) { return Value(value); }
  static Value number(double value) { return Value(value); }
  static Value text(std::string value, bool safe = false) {
    return Value(std::make_shared<const Text>(Text{std::move(value), safe}));
  }
  // These throw TemplateError for values that are in each other more than 100 levels deep, whose end
  // would need as many levels of the stack.
  static Value list(std::vector<Value> items, bool tuple = false, const char* view = nullptr);
  static Value dict(Dict dict);
  static Value space(Space* space) { return Value(space); }
  static Value callable(Callable callable);

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value_);
  }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_none() const { return get<None>() != nullptr; }
  bool is_boolean() const { return get<bool>() != nullptr; }
  /// A whole number, or a boolean, which is one.
  bool is_integer() const { return get<int64_t>() || is_boolean(); }
  bool is_number() const { return is_integer() || get<double>(); }
  int64_t as_integer() const;
  double as_number() const;
  const Text* as_text() const { return pointer<Text>(); }
  const List* as_list() const { return pointer<List>(); }
  const Dict* as_dict() const { return pointer<Dict>(); }
  const Callable* as_callable() const { return pointer<Callable>(); }
  Space* as_space() const {
    const auto* found = get<Space*>();
    return found ? *found : nullptr;
  }

  int levels() const;
  bool truth() const;
  /// "a string", "a list", for messages.
  std::string kind() const;

 private:
  using Holder = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
                              std::shared_ptr<const List>, std::shared_ptr<const Dict>,
                              std::shared_ptr<const Callable>, Space*>;
  template <class T>
  explicit Value(T value) : value_(std::move(value)) {}
  template <class T>
  const T* pointer() const {
    const auto* found = get<std::shared_ptr<const T>>();
    return found ? found->get() : nullptr;
  }
  Holder value_;
};

bool equal(const Value& a, const Value& b);
/// Below 0, 0 or above; numbers with numbers, texts with texts. False: they have no order.
bool compare(const Value& a, const Value& b, int& order);

/// str() and repr() of Python.
std::string str(const Value& value);
std::string repr(const Value& value);
/// The shortest digits that are the same number, as Python writes them.
std::string number_text(double value);

struct JsonStyle {
  bool ensure_ascii = false, sort_keys = false;
  std::string indent;  ///< of a level
  bool lines = false;  ///< whether there is an indent, which may be empty
  std::string item = ", ", key = ": ";
};
/// json.dumps of Python. Throws TemplateError for what JSON has not.
std::string to_json(const Value& value, const JsonStyle& style, int depth = 0);

/// Characters of UTF-8.
std::vector<std::string_view> characters(std::string_view text);
int64_t length_of(std::string_view text);
/// What str.strip() of Python takes off without an argument.
bool is_space(std::string_view character);
std::string strip(std::string_view text, bool left, bool right);
std::string escaped(std::string_view text);

/// What is wrong at a place of a template; the interpreter adds the line.
struct TemplateError {
  std::string message;
  bool raised = false;  ///< by the template itself, raise_exception
};
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  std::string message;
  ((message += pieces), ...);
  throw TemplateError{message};
}

}  // namespace heed::data::jinja
