#include "data/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace heed::data::jinja {
namespace {

constexpr int kDeepestValue = 100;

std::string quoted_python(std::string_view text) {
  const bool doubles =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = doubles ? '"' : '\'';
  std::string all(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      (all += '\\') += c;
    } else if (c == '\n') {
      all += "\\n";
    } else if (c == '\r') {
      all += "\\r";
    } else if (c == '\t') {
      all += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", byte);
      all += code;
    } else {
      all += c;
    }
  }
  return all + quote;
}

std::string repr_of(const Value& value) {
  if (const auto* text = value.as_text()) return quoted_python(text->text);
  if (const auto* list = value.as_list()) {
    std::string all = list->view ? list->view + std::string("([") : list->tuple ? "(" : "[";
    for (size_t i = 0; i < list->items.size(); ++i)
      all += (i ? ", " : "") + repr_of(list->items[i]);
    if (list->tuple && list->items.size() == 1) all += ",";
    return all + (list->view ? "])" : list->tuple ? ")" : "]");
  }
  if (const auto* dict = value.as_dict()) {
    std::string all = "{";
    for (size_t i = 0; i < dict->items.size(); ++i)
      all += (i ? ", " : "") + quoted_python(dict->items[i].first) + ": " +
             repr_of(dict->items[i].second);
    return all + "}";
  }
  if (value.as_callable() || value.as_space()) fail("expected text, found ", value.kind());
  return str(value);
}

/// The levels of what holds `value`, which is none of `levels` alone.
int one_more_level(int levels, const Value& value) {
  if (value.levels() >= kDeepestValue) fail("a value is nested deeper than 100");
  return std::max(levels, value.levels() + 1);
}

uint32_t code_of(std::string_view c) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(c[i])); };
  const auto tail = [&](size_t i) { return i < c.size() ? byte(i) & 0x3F : 0; };
  const uint32_t first = byte(0);
  if (first < 0x80) return first;
  if (first < 0xE0) return (first & 0x1F) << 6 | tail(1);
  if (first < 0xF0) return (first & 0x0F) << 12 | tail(1) << 6 | tail(2);
  return (first & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

void add_escape(std::string& all, uint32_t unit) {
  char code[12];  // of any number
  std::snprintf(code, sizeof code, "\\u%04x", unit);
  all += code;
}

std::string quoted_json(std::string_view text, bool ascii) {
  std::string all = "\"";
  for (const auto c : characters(text)) {
    const uint32_t code = code_of(c);
    const char* shorter = code == '"'    ? "\\\""
                          : code == '\\' ? "\\\\"
                          : code == '\n' ? "\\n"
                          : code == '\r' ? "\\r"
                          : code == '\t' ? "\\t"
                          : code == '\b' ? "\\b"
                          : code == '\f' ? "\\f"
                                         : nullptr;
    if (shorter) {
      all += shorter;
    } else if (code < 0x20 || (ascii && code > 0x7E && code < 0x10000)) {
      add_escape(all, code);
    } else if (ascii && code >= 0x10000) {
      add_escape(all, 0xD800 + ((code - 0x10000) >> 10));
      add_escape(all, 0xDC00 + ((code - 0x10000) & 0x3FF));
    } else {
      all += c;
    }
  }
  return all + '"';
}

template <class Item, class Write>
std::string json_items(const std::vector<Item>& items, const char* open, const char* close,
                       const JsonStyle& style, int depth, const Write& write) {
  if (items.empty()) return std::string(open) + close;
  const auto indent = [&](int levels) {
    std::string all;
    if (style.lines) all = "\n";
    for (int i = 0; i < levels && style.lines; ++i) all += style.indent;
    return all;
  };
  std::string all = open + indent(depth + 1);
  for (size_t i = 0; i < items.size(); ++i)
    all += (i ? style.item + indent(depth + 1) : "") + write(items[i]);
  return all + indent(depth) + close;
}

}  // namespace

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items)
    if (name == key) return &value;
  return nullptr;
}

void Dict::set(const std::string& key, Value value) {
  for (auto& [name, old] : items)
    if (name == key) {
      old = std::move(value);
      return;
    }
  items.emplace_back(key, std::move(value));
}

int Value::levels() const {
  if (const auto* list = as_list()) return list->levels;
  if (const auto* dict = as_dict()) return dict->levels;
  return as_callable() ? as_callable()->levels : 0;
}

Value Value::list(std::vector<Value> items, bool tuple, const char* view) {
  List made{std::move(items), tuple, view};
  for (const auto& item : made.items) made.levels = one_more_level(made.levels, item);
  return Value(std::make_shared<const List>(std::move(made)));
}

Value Value::dict(Dict dict) {
  for (const auto& [key, value] : dict.items) dict.levels = one_more_level(dict.levels, value);
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

Value Value::callable(Callable callable) {
  if (callable.of) callable.levels = one_more_level(callable.levels, *callable.of);
  return Value(std::make_shared<const Callable>(std::move(callable)));
}

int64_t Value::as_integer() const {
  if (const auto* flag = get<bool>()) return *flag;
  if (const auto* whole = get<int64_t>()) return *whole;
  fail("expected a whole number, found ", kind());
}

double Value::as_number() const {
  if (const auto* real = get<double>()) return *real;
  return static_cast<double>(as_integer());
}

bool Value::truth() const {
  if (const auto* flag = get<bool>()) return *flag;
  if (const auto* whole = get<int64_t>()) return *whole != 0;
  if (const auto* real = get<double>()) return *real != 0;
  if (const auto* text = as_text()) return !text->text.empty();
  if (const auto* list = as_list()) return !list->items.empty();
  if (const auto* dict = as_dict()) return !dict->items.empty();
  return as_callable() || as_space();
}

std::string Value::kind() const {
  if (const auto* undefined = get<Undefined>())
    return "'" + undefined->name + "', which is undefined";
  if (is_none()) return "none";
  if (is_boolean()) return "a boolean";
  if (get<int64_t>()) return "a whole number";
  if (get<double>()) return "a number";
  if (as_text()) return "a string";
  if (as_list()) return "a list";
  if (as_dict()) return "a mapping";
  return as_space() ? "a namespace" : "a function";
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return a.as_integer() == b.as_integer();
    return a.as_number() == b.as_number();
  }
  if (a.as_text() && b.as_text()) return a.as_text()->text == b.as_text()->text;
  if (a.as_list() && b.as_list()) {
    const auto &x = *a.as_list(), &y = *b.as_list();
    return x.tuple == y.tuple &&
           std::equal(x.items.begin(), x.items.end(), y.items.begin(), y.items.end(), equal);
  }
  if (a.as_dict() && b.as_dict()) {
    const auto &x = a.as_dict()->items, &y = b.as_dict()->items;
    return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&](const auto& item) {
             const auto* other = b.as_dict()->find(item.first);
             return other && equal(item.second, *other);
           });
  }
  if (a.as_space() || b.as_space()) return a.as_space() == b.as_space();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

bool compare(const Value& a, const Value& b, int& order) {
  if (a.is_number() && b.is_number()) {
    const double x = a.as_number(), y = b.as_number();
    order = x < y ? -1 : x > y ? 1 : 0;
    return x == x && y == y;
  }
  if (!a.as_text() || !b.as_text()) return false;
  order = a.as_text()->text.compare(b.as_text()->text);
  return true;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[40];
  int precision = 1;
  for (; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
    if (std::strtod(digits, nullptr) == value) break;
  }
  const int exponent =
      std::atoi(std::string_view(digits).substr(std::string_view(digits).find('e') + 1).data());
  if (exponent < -4 || exponent >= 16) {
    std::string text = digits;
    return text;
  }
  std::snprintf(digits, sizeof digits, "%.*f", std::max(precision - 1 - exponent, 1), value);
  return digits;
}

std::string str(const Value& value) {
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (const auto* flag = value.get<bool>()) return *flag ? "True" : "False";
  if (const auto* whole = value.get<int64_t>()) return std::to_string(*whole);
  if (const auto* real = value.get<double>()) return number_text(*real);
  if (const auto* text = value.as_text()) return text->text;
  return repr(value);
}

std::string repr(const Value& value) { return repr_of(value); }

std::string to_json(const Value& value, const JsonStyle& style, int depth) {
  if (value.is_none()) return "null";
  if (const auto* flag = value.get<bool>()) return *flag ? "true" : "false";
  if (const auto* real = value.get<double>())
    return std::isnan(*real)   ? "NaN"
           : std::isinf(*real) ? *real < 0 ? "-Infinity" : "Infinity"
                               : number_text(*real);
  if (value.is_integer()) return str(value);
  if (const auto* text = value.as_text()) return quoted_json(text->text, style.ensure_ascii);
  if (const auto* list = value.as_list())
    return json_items(list->items, "[", "]", style, depth,
                      [&](const Value& item) { return to_json(item, style, depth + 1); });
  if (const auto* dict = value.as_dict()) {
    auto items = dict->items;
    if (style.sort_keys)
      std::sort(items.begin(), items.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    return json_items(items, "{", "}", style, depth, [&](const auto& item) {
      return quoted_json(item.first, style.ensure_ascii) + style.key +
             to_json(item.second, style, depth + 1);
    });
  }
  fail("tojson: expected what JSON has, found ", value.kind());
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
    all.push_back(text.substr(at, end - at));
    at = end;
  }
  return all;
}

int64_t length_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

bool is_space(std::string_view character) {
  const uint32_t c = code_of(character);
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string strip(std::string_view text, bool left, bool right) {
  const auto all = characters(text);
  size_t begin = 0, end = all.size();
  while (left && begin < end && is_space(all[begin])) ++begin;
  while (right && end > begin && is_space(all[end - 1])) --end;
  std::string rest;
  for (size_t i = begin; i < end; ++i) rest += all[i];
  return rest;
}

std::string escaped(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == '&')
      all += "&amp;";
    else if (c == '<')
      all += "&lt;";
    else if (c == '>')
      all += "&gt;";
    else if (c == '"')
      all += "&#34;";
    else if (c == '\'')
      all += "&#39;";
    else
      all += c;
  }
  return all;
}

}  // namespace heed::data::jinja
