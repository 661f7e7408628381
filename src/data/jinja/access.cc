// What values hold, and calls.
#include <algorithm>

#include "data/jinja/interpreter.h"

namespace heed::data::jinja {
namespace {

/// As many as Jinja's sandbox allows.
constexpr int64_t kLongestRange = 100'000;

/// Methods of Python that exist and are not known here, so that asking for one is no undefined value.
constexpr std::string_view kOtherMethods[] = {
    "casefold",   "center",    "encode",      "expandtabs",   "format",  "format_map", "isalnum",
    "isascii",    "isdecimal", "isprintable", "isidentifier", "islower", "isnumeric",  "istitle",
    "isupper",    "ljust",     "maketrans",   "partition",    "rfind",   "rindex",     "rjust",
    "rpartition", "swapcase",  "translate",   "zfill"};
constexpr std::string_view kChanging[] = {"append",     "extend", "insert", "remove",
                                          "pop",        "clear",  "sort",   "reverse",
                                          "setdefault", "update", "popitem"};

template <size_t N>
bool is_among(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

Value Interpreter::attribute(const Value& of, const std::string& name) {
  if (of.is_undefined()) fail("'", name, "' is asked of ", of.kind());
  if (name.starts_with("_")) fail("the attribute '", name, "' is none that a template may see");
  if (auto* space = of.as_space()) {
    if (space->is_loop && name == "cycle")
      return Value::callable({"cycle", std::make_shared<const Value>(of), nullptr});
    if (space->is_loop && (name == "changed" || name == "depth" || name == "depth0"))
      fail("loop.", name, " is not known here");
    const auto* found = space->attributes.find(name);
    return found ? *found : Value::undefined(name);
  }
  if (has_method(of, name))
    return Value::callable({name, std::make_shared<const Value>(of), nullptr});
  if (of.as_text() && is_among(kOtherMethods, name))
    fail("the method '", name, "' of a string is not known here");
  if (!of.as_text() && is_among(kChanging, name) && (of.as_list() || !of.as_dict()->find(name)))
    fail("'", name, "' would change a value, which templates may not");
  if (const auto* dict = of.as_dict())
    if (const auto* found = dict->find(name)) return *found;
  return Value::undefined(name);
}

Value Interpreter::item(const Value& of, const Value& key) {
  if (of.is_undefined()) fail("'", str(key), "' is asked of ", of.kind());
  if (key.as_text()) {
    if (const auto* dict = of.as_dict())
      if (const auto* found = dict->find(key.as_text()->text)) return *found;
    return attribute(of, key.as_text()->text);
  }
  if (key.is_integer() && (of.as_list() || of.as_text())) {
    const auto n = of.as_list() ? std::ssize(of.as_list()->items) : length_of(of.as_text()->text);
    int64_t at = key.as_integer();
    if (at < 0) at += n;
    if (at < 0 || at >= n) return Value::undefined("item " + std::to_string(key.as_integer()));
    if (of.as_list()) return of.as_list()->items[static_cast<size_t>(at)];
    charge(of.as_text()->text.size());
    return made_text(std::string(characters(of.as_text()->text)[static_cast<size_t>(at)]));
  }
  return Value::undefined("item " + str(key));
}

Value Interpreter::call(const Expression& expression) {
  const auto what = evaluate(*expression.parts[0]);
  const auto* callable = what.as_callable();
  if (!callable) fail("a call of ", what.kind());
  const auto all = given(expression.arguments);
  line_ = expression.line;
  if (callable->macro) return call_macro(*callable->macro, all);
  if (!callable->of) return function(callable->name, all);
  if (const auto* space = callable->of->as_space()) {
    if (all.positional.empty()) fail("loop.cycle: expected values, given none");
    const auto at = static_cast<size_t>(space->attributes.find("index0")->as_integer());
    return all.positional[at % all.positional.size()];
  }
  return call_method(*this, *callable->of, callable->name, all);
}

Value Interpreter::strftime(const std::string& format) {
  if (format.empty()) return made_text("");
  std::string text(256, '\0');
  for (;;) {
    charge(text.size());
    // A blank in front, so that a result that is empty differs from a buffer that is too small.
    const size_t size = std::strftime(text.data(), text.size(), (" " + format).c_str(), &now_);
    if (size > 0) return made_text(text.substr(1, size - 1));
    text.resize(text.size() * 2);
  }
}

Value Interpreter::function(const std::string& name, const Given& given) {
  if (name == "raise_exception") {
    given.check(name, 1, {"message"});
    const auto* message = given.find(0, "message");
    throw TemplateError{message ? str(*message) : "", true};
  }
  if (name == "strftime_now") {
    given.check(name, 1, {"format"});
    return strftime(given.text(0, "format", ""));
  }
  if (name == "range") {
    given.check(name, 3);
    if (given.positional.empty()) fail("range: expected 1 to 3 numbers, given none");
    const bool one = given.positional.size() == 1;
    const int64_t from = one ? 0 : given.integer(0, "", 0), to = given.integer(one ? 0 : 1, "", 0),
                  by = given.integer(2, "", 1);
    if (by == 0) fail("range: the step is 0");
    std::vector<Value> items;
    for (int64_t i = from; by > 0 ? i < to : i > to;) {
      if (std::ssize(items) == kLongestRange) fail("range: more than 100000 numbers");
      items.push_back(Value::integer(i));
      if (__builtin_add_overflow(i, by, &i)) break;
    }
    return made_list(std::move(items));
  }
  Dict dict;
  if (given.positional.size() > 1) fail(name, ": expected at most one value without a name");
  if (!given.positional.empty()) {
    const auto* other = given.positional.front().as_dict();
    if (!other) fail(name, ": expected a mapping, found ", given.positional.front().kind());
    dict = *other;
  }
  for (const auto& [key, value] : given.named) dict.set(key, value);
  charge(dict.items.size() * sizeof(Value));
  if (name == "dict") return Value::dict(std::move(dict));
  auto* space = new_space();
  space->attributes = std::move(dict);
  return Value::space(space);
}

}  // namespace heed::data::jinja
