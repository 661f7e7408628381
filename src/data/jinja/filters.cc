// `value | filter`.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "data/jinja/interpreter.h"
#include "data/jinja/texts.h"
#include "heed/core/nearest.h"

namespace heed::data::jinja {
namespace {

using Filter = std::function<Value(Interpreter&, const Value&, const Given&)>;

bool is_safe_text(const Value& value) { return value.as_text() && value.as_text()->safe; }

/// a.b.0 of a value.
Value at_path(Interpreter& run, Value value, const Value& path) {
  if (path.is_integer()) return run.item(value, path);
  if (!path.as_text()) fail("attribute: expected a name, found ", path.kind());
  std::string_view rest = path.as_text()->text;
  while (true) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string name(rest.substr(0, dot));
    const bool digits =
        !name.empty() && name.size() < 10 &&
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    value = run.item(value, digits ? Value::integer(std::stoll(name)) : Value::text(name));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value default_of(Interpreter&, const Value& value, const Given& given) {
  given.check("default", 2, {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (given.flag(1, "boolean", false) && !value.truth());
  if (!absent) return value;
  const auto* otherwise = given.find(0, "default_value");
  return otherwise ? *otherwise : Value::text("");
}

Value length(Interpreter&, const Value& value, const Given&) {
  if (value.is_undefined()) return Value::integer(0);
  if (value.as_text()) return Value::integer(length_of(value.as_text()->text));
  if (value.as_list()) return Value::integer(std::ssize(value.as_list()->items));
  if (value.as_dict()) return Value::integer(std::ssize(value.as_dict()->items));
  fail("length of ", value.kind());
}

Value json(Interpreter& run, const Value& value, const Given& given) {
  given.check("tojson", 4, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = given.flag(0, "ensure_ascii", false);
  style.sort_keys = given.flag(3, "sort_keys", false);
  const auto* indent = given.find(1, "indent");
  if (indent && !indent->is_none()) {
    style.lines = true;
    style.item = ",";
    if (indent->as_text())
      style.indent = indent->as_text()->text;
    else
      style.indent =
          std::string(static_cast<size_t>(std::clamp<int64_t>(indent->as_integer(), 0, 100)), ' ');
  }
  const auto* separators = given.find(2, "separators");
  if (separators && !separators->is_none()) {
    const auto both = run.items_of(*separators);
    if (both.size() != 2) fail("tojson: separators: expected two strings");
    style.item = str(both[0]), style.key = str(both[1]);
  }
  return run.made_text(to_json(value, style));
}

Value trimmed(Interpreter& run, const Value& value, const Given& given) {
  given.check("trim", 1, {"chars"});
  const auto* chars = given.find(0, "chars");
  const auto text = str(value);
  return run.made_text(chars && !chars->is_none() ? strip_of(text, str(*chars), true, true)
                                                  : strip(text, true, true),
                       is_safe_text(value));
}

Value join(Interpreter& run, const Value& value, const Given& given) {
  given.check("join", 2, {"d", "attribute"});
  const auto by = given.find(0, "d") ? str(*given.find(0, "d")) : "";
  const auto* path = given.find(1, "attribute");
  std::string all;
  bool first = true;
  for (const auto& item : run.items_of(value)) {
    const auto text = str(path ? at_path(run, item, *path) : item);
    all += (first ? "" : by) + text;
    run.charge(by.size() + text.size());
    first = false;
  }
  return run.made_text(std::move(all));
}

Value end_of(Interpreter& run, const Value& value, bool first) {
  const auto items = run.items_of(value);
  if (items.empty())
    return Value::undefined(first ? "the first of nothing" : "the last of nothing");
  return first ? items.front() : items.back();
}

Value reversed(Interpreter& run, const Value& value, const Given&) {
  auto items = run.items_of(value);
  std::reverse(items.begin(), items.end());
  if (!value.as_text()) return run.made_list(std::move(items));
  std::string text;
  for (const auto& item : items) text += item.as_text()->text;
  return run.made_text(std::move(text));
}

Value pairs_of(Interpreter& run, const Value& value) {
  if (value.is_undefined()) return run.made_list({});
  if (!value.as_dict()) fail("items: expected a mapping, found ", value.kind());
  return call_method(run, value, "items", {});
}

bool comes_before(const Value& a, const Value& b, bool as_written) {
  const auto folded = [&](const Value& v) {
    return as_written || !v.as_text() ? v : Value::text(lower_case(v.as_text()->text));
  };
  int order = 0;
  if (!compare(folded(a), folded(b), order)) fail("no order of ", a.kind(), " and ", b.kind());
  return order < 0;
}

Value sorted(Interpreter& run, std::vector<Value> items, bool back, bool as_written,
             const std::function<Value(const Value&)>& key) {
  std::vector<std::pair<Value, Value>> keyed;
  for (auto& item : items) keyed.emplace_back(key(item), item);
  run.charge(keyed.size() * 200);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return back ? comes_before(b.first, a.first, as_written)
                : comes_before(a.first, b.first, as_written);
  });
  items.clear();
  for (auto& [k, item] : keyed) items.push_back(std::move(item));
  return run.made_list(std::move(items));
}

Value sort(Interpreter& run, const Value& value, const Given& given) {
  given.check("sort", 3, {"reverse", "case_sensitive", "attribute"});
  const auto* path = given.find(2, "attribute");
  return sorted(run, run.items_of(value), given.flag(0, "reverse", false),
                given.flag(1, "case_sensitive", false), [&](const Value& item) {
                  return path && !path->is_none() ? at_path(run, item, *path) : item;
                });
}

Value sort_mapping(Interpreter& run, const Value& value, const Given& given) {
  given.check("dictsort", 3, {"case_sensitive", "by", "reverse"});
  const auto by = given.text(1, "by", "key");
  if (by != "key" && by != "value") fail("dictsort: by: expected 'key' or 'value'");
  return sorted(run, run.items_of(pairs_of(run, value)), given.flag(2, "reverse", false),
                given.flag(0, "case_sensitive", false),
                [&](const Value& item) { return item.as_list()->items[by == "key" ? 0 : 1]; });
}

Value unique(Interpreter& run, const Value& value, const Given& given) {
  given.check("unique", 2, {"case_sensitive", "attribute"});
  const bool as_written = given.flag(0, "case_sensitive", false);
  const auto* path = given.find(1, "attribute");
  std::vector<Value> kept, keys;
  for (const auto& item : run.items_of(value)) {
    auto key = path && !path->is_none() ? at_path(run, item, *path) : item;
    if (!as_written && key.as_text()) key = Value::text(lower_case(key.as_text()->text));
    run.charge(keys.size());
    if (std::any_of(keys.begin(), keys.end(), [&](const Value& k) { return equal(k, key); }))
      continue;
    keys.push_back(key), kept.push_back(item);
  }
  return run.made_list(std::move(kept));
}

/// map(attribute = "a.b", default = x), or map("filter", arguments ...).
Value mapped(Interpreter& run, const Value& value, const Given& given) {
  std::vector<Value> all;
  const auto* path = given.find(SIZE_MAX, "attribute");
  const auto* otherwise = given.find(SIZE_MAX, "default");
  Given rest = given;
  std::string filter;
  if (!path) {
    filter = given.text(0, "", "");
    if (filter.empty()) fail("map: expected attribute = or the name of a filter");
    rest.positional.erase(rest.positional.begin());
  }
  for (const auto& item : run.items_of(value)) {
    auto made = path ? at_path(run, item, *path) : apply_filter(run, filter, item, rest);
    if (path && otherwise && made.is_undefined()) made = *otherwise;
    all.push_back(std::move(made));
  }
  return run.made_list(std::move(all));
}

/// select("test", arguments ...) and selectattr("a.b", "test", arguments ...), kept or left out.
Value chosen(Interpreter& run, const Value& value, Given given, bool of_attribute, bool keep) {
  Value path;
  const auto take = [&] {
    if (given.positional.empty()) fail("select, reject: expected more arguments");
    auto first = given.positional.front();
    given.positional.erase(given.positional.begin());
    return first;
  };
  if (of_attribute) path = take();
  const auto test = given.positional.empty() ? "" : str(take());
  std::vector<Value> kept;
  for (const auto& item : run.items_of(value)) {
    const auto looked_at = of_attribute ? at_path(run, item, path) : item;
    const bool holds = test.empty() ? looked_at.truth() : apply_test(run, test, looked_at, given);
    if (holds == keep) kept.push_back(item);
  }
  return run.made_list(std::move(kept));
}

Value indented(Interpreter& run, const Value& value, const Given& given) {
  given.check("indent", 3, {"width", "first", "blank"});
  const auto* width = given.find(0, "width");
  const auto by =
      width && width->as_text()
          ? width->as_text()->text
          : std::string(
                static_cast<size_t>(std::clamp<int64_t>(given.integer(0, "width", 4), 0, 1000)),
                ' ');
  const bool first = given.flag(1, "first", false), blank = given.flag(2, "blank", false);
  const auto text = str(value);
  std::string all;
  size_t at = 0;
  for (bool begin = true; at <= text.size(); begin = false) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const bool is_blank = end == at && !begin;
    if ((!begin || first) && (blank || !is_blank)) all += by, run.charge(by.size());
    all.append(text, at, end - at);
    if (end < text.size()) all += '\n';
    at = end + 1;
  }
  return run.made_text(std::move(all));
}

Value whole(Interpreter&, const Value& value, const Given& given) {
  given.check("int", 1, {"default"});
  if (value.is_integer()) return Value::integer(value.as_integer());
  if (value.is_number() && std::abs(value.as_number()) < 9e18)
    return Value::integer(static_cast<int64_t>(value.as_number()));
  const auto text = value.as_text() ? strip(value.as_text()->text, true, true) : "";
  char* end = nullptr;
  errno = 0;
  const auto whole = std::strtoll(text.c_str(), &end, 10);
  if (!text.empty() && *end == '\0' && errno == 0) return Value::integer(whole);
  const double real = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0' && std::abs(real) < 9e18)
    return Value::integer(static_cast<int64_t>(real));
  return Value::integer(given.integer(0, "default", 0));
}

Value real(Interpreter&, const Value& value, const Given& given) {
  given.check("float", 1, {"default"});
  if (value.is_number()) return Value::number(value.as_number());
  const auto text = value.as_text() ? strip(value.as_text()->text, true, true) : "";
  char* end = nullptr;
  const double found = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0') return Value::number(found);
  const auto* otherwise = given.find(0, "default");
  return otherwise ? *otherwise : Value::number(0);
}

Value rounded(Interpreter&, const Value& value, const Given& given) {
  given.check("round", 2, {"precision", "method"});
  const auto method = given.text(1, "method", "common");
  const double scale = std::pow(10.0, static_cast<double>(given.integer(0, "precision", 0)));
  const double x = value.as_number() * scale;
  if (method == "common") return Value::number(std::nearbyint(x) / scale);
  if (method == "ceil") return Value::number(std::ceil(x) / scale);
  if (method == "floor") return Value::number(std::floor(x) / scale);
  fail("round: method: expected common, ceil or floor, given ", method);
}

Value extreme(Interpreter& run, const Value& value, const Given& given, bool largest) {
  given.check(largest ? "max" : "min", 2, {"case_sensitive", "attribute"});
  const bool as_written = given.flag(0, "case_sensitive", false);
  const auto* path = given.find(1, "attribute");
  const auto key = [&](const Value& item) {
    return path && !path->is_none() ? at_path(run, item, *path) : item;
  };
  const auto items = run.items_of(value);
  if (items.empty()) return Value::undefined("the largest or smallest of nothing");
  Value best = items[0];
  for (const auto& item : items)
    if (largest ? comes_before(key(best), key(item), as_written)
                : comes_before(key(item), key(best), as_written))
      best = item;
  return best;
}

Value sum_of(Interpreter& run, const Value& value, const Given& given) {
  given.check("sum", 2, {"attribute", "start"});
  const auto* path = given.find(0, "attribute");
  Value all = given.find(1, "start") ? *given.find(1, "start") : Value::integer(0);
  for (const auto& item : run.items_of(value))
    all = run.add(all, path && !path->is_none() ? at_path(run, item, *path) : item);
  return all;
}

/// The first letter of each word upper case, the others lower: words end at blanks, - and brackets.
std::string titled(const std::string& text) {
  std::string all, word;
  const auto add_word = [&] { all += capitalised(word), word.clear(); };
  for (const auto c : characters(text)) {
    word += c;
    if (is_space(c) || c == "-" || c == "(" || c == "{" || c == "[" || c == "<") {
      word.resize(word.size() - c.size());
      add_word();
      all += c;
    }
  }
  add_word();
  return all;
}

Filter of_text(std::string (*f)(const std::string&)) {
  return [f](Interpreter& run, const Value& value, const Given&) {
    return run.made_text(f(str(value)), is_safe_text(value));
  };
}

std::map<std::string, Filter> all_filters() {
  std::map<std::string, Filter> all = {
      {"tojson", json},
      {"trim", trimmed},
      {"join", join},
      {"reverse", reversed},
      {"sort", sort},
      {"dictsort", sort_mapping},
      {"unique", unique},
      {"map", mapped},
      {"indent", indented},
      {"int", whole},
      {"float", real},
      {"round", rounded},
      {"sum", sum_of},
      {"upper", of_text(upper_case)},
      {"lower", of_text(lower_case)},
      {"capitalize", of_text(capitalised)},
      {"title", of_text(titled)},
      {"first", [](auto& run, const auto& v, const auto&) { return end_of(run, v, true); }},
      {"last", [](auto& run, const auto& v, const auto&) { return end_of(run, v, false); }},
      {"list",
       [](auto& run, const auto& v, const auto&) { return run.made_list(run.items_of(v)); }},
      {"items", [](auto& run, const auto& v, const auto&) { return pairs_of(run, v); }},
      {"string", [](auto& run, const auto& v,
                    const auto&) { return run.made_text(str(v), is_safe_text(v)); }},
      {"safe", [](auto& run, const auto& v, const auto&) { return run.made_text(str(v), true); }},
      {"abs",
       [](auto& run, const auto& v, const auto&) {
         if (!v.is_integer()) return Value::number(std::abs(v.as_number()));
         return v.as_integer() < 0
                    ? run.add(Value::integer(-(v.as_integer() + 1)), Value::integer(1))
                    : v;
       }},
      {"replace",
       [](auto& run, const auto& v, const auto& given) {
         given.check("replace", 3, {"old", "new", "count"});
         return run.made_text(replaced(run, str(v), given.text(0, "old", ""),
                                       given.text(1, "new", ""), given.integer(2, "count", -1)));
       }},
      {"max",
       [](auto& run, const auto& v, const auto& given) { return extreme(run, v, given, true); }},
      {"min",
       [](auto& run, const auto& v, const auto& given) { return extreme(run, v, given, false); }},
      {"attr", [](auto& run, const auto& v,
                  const auto& given) { return run.attribute(v, given.text(0, "name", "")); }},
      {"select", [](auto& run, const auto& v,
                    const auto& given) { return chosen(run, v, given, false, true); }},
      {"reject", [](auto& run, const auto& v,
                    const auto& given) { return chosen(run, v, given, false, false); }},
      {"selectattr", [](auto& run, const auto& v,
                        const auto& given) { return chosen(run, v, given, true, true); }},
      {"rejectattr", [](auto& run, const auto& v, const auto& given) {
         return chosen(run, v, given, true, false);
       }}};
  for (const char* name : {"default", "d"}) all[name] = default_of;
  for (const char* name : {"length", "count"}) all[name] = length;
  for (const char* name : {"escape", "e"})
    all[name] = [](auto& run, const auto& v, const auto&) {
      return is_safe_text(v) ? v : run.made_text(escaped(str(v)), true);
    };
  return all;
}

}  // namespace

Value apply_filter(Interpreter& run, const std::string& name, const Value& value,
                   const Given& given) {
  static const auto all = all_filters();
  const auto found = all.find(name);
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const auto& [each, filter] : all) known.push_back(each);
    fail("unknown filter '", name, "'", suggestion(name, known));
  }
  if (const auto* text = value.as_text()) run.charge(text->text.size());
  return found->second(run, value, given);
}

}  // namespace heed::data::jinja
