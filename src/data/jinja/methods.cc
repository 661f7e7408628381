// Methods of strings, mappings and lists, as Python has them.
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <functional>
#include <map>

#include "data/jinja/interpreter.h"
#include "data/jinja/texts.h"

namespace heed::data::jinja {
namespace {

using Method = std::function<Value(Interpreter&, const std::string&, const Given&)>;

Value stripped(Interpreter& run, const std::string& text, const Given& given, bool left,
               bool right) {
  given.check("strip", 1, {"chars"});
  const auto* chars = given.find(0, "chars");
  return run.made_text(chars && !chars->is_none()
                           ? strip_of(text, given.text(0, "chars", ""), left, right)
                           : strip(text, left, right));
}

Value split_at_blanks(Interpreter& run, const std::string& text, int64_t most) {
  std::vector<Value> parts;
  const auto all = characters(text);
  size_t at = 0;
  for (;;) {
    while (at < all.size() && is_space(all[at])) ++at;
    if (at == all.size()) break;
    std::string part;
    if (most >= 0 && std::ssize(parts) == most) {
      for (; at < all.size(); ++at) part += all[at];
      parts.push_back(run.made_text(strip(part, false, true)));
      break;
    }
    for (; at < all.size() && !is_space(all[at]); ++at) part += all[at];
    parts.push_back(run.made_text(std::move(part)));
  }
  return run.made_list(std::move(parts));
}

Value split(Interpreter& run, const std::string& text, const Given& given, bool from_right) {
  given.check("split", 2, {"sep", "maxsplit"});
  const int64_t most = given.integer(1, "maxsplit", -1);
  const auto* sep = given.find(0, "sep");
  if (!sep || sep->is_none()) {
    if (from_right && most >= 0) fail("rsplit without a separator is not known here");
    return split_at_blanks(run, text, most);
  }
  const auto by = given.text(0, "sep", "");
  if (by.empty()) fail("split: the separator is empty");
  std::vector<Value> parts;
  std::string rest = text;
  while (most < 0 || std::ssize(parts) < most) {
    const size_t at = from_right ? rest.rfind(by) : rest.find(by);
    if (at == std::string::npos) break;
    auto behind = rest.substr(at + by.size()), before = rest.substr(0, at);
    run.charge(rest.size());
    parts.push_back(run.made_text(from_right ? behind : before));
    rest = from_right ? std::move(before) : std::move(behind);
  }
  parts.push_back(run.made_text(std::move(rest)));
  if (from_right) std::reverse(parts.begin(), parts.end());
  return run.made_list(std::move(parts));
}

Value split_lines(Interpreter& run, const std::string& text, const Given& given) {
  given.check("splitlines", 1, {"keepends"});
  const bool keep = given.flag(0, "keepends", false);
  std::vector<Value> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("\n\r\v\f\x1c\x1d\x1e", at), text.size());
    size_t next = std::min(end + 1, text.size());
    if (end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n') ++next;
    lines.push_back(run.made_text(text.substr(at, (keep ? next : end) - at)));
    at = next;
  }
  return run.made_list(std::move(lines));
}

bool begins_or_ends(const std::string& text, const Given& given, bool begins) {
  given.check(begins ? "startswith" : "endswith", 1);
  const auto fits = [&](const Value& part) {
    if (!part.as_text()) fail("startswith, endswith: expected a string, found ", part.kind());
    return begins ? text.starts_with(part.as_text()->text) : text.ends_with(part.as_text()->text);
  };
  if (given.positional.empty()) fail("startswith, endswith: expected a string, given none");
  if (const auto* list = given.positional[0].as_list())
    return std::any_of(list->items.begin(), list->items.end(), fits);
  return fits(given.positional[0]);
}

Value found_at(const std::string& text, const Given& given, bool must) {
  given.check("find", 1);
  const size_t at = text.find(given.text(0, "", ""));
  if (at == std::string::npos && must)
    fail("index: the string does not hold '", given.text(0, "", ""), "'");
  return Value::integer(at == std::string::npos ? -1
                                                : length_of(std::string_view(text).substr(0, at)));
}

Value joined_by(Interpreter& run, const std::string& text, const Given& given) {
  given.check("join", 1);
  if (given.positional.empty()) fail("join: expected a list, given none");
  std::string all;
  const auto items = run.items_of(given.positional[0]);
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].as_text()) fail("join: expected strings, found ", items[i].kind());
    all += (i ? text : "") + items[i].as_text()->text;
    run.charge(text.size() + items[i].as_text()->text.size());
  }
  return run.made_text(std::move(all));
}

bool all_are(const std::string& text, UBool (*is)(UChar32)) {
  const auto unicode = icu::UnicodeString::fromUTF8(text);
  for (int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1))
    if (!is(unicode.char32At(i))) return false;
  return !text.empty();
}

const std::map<std::string, Method, std::less<>>& text_methods() {
  static const std::map<std::string, Method, std::less<>> all = {
      {"strip", [](auto& run, const auto& text,
                   const auto& given) { return stripped(run, text, given, true, true); }},
      {"lstrip", [](auto& run, const auto& text,
                    const auto& given) { return stripped(run, text, given, true, false); }},
      {"rstrip", [](auto& run, const auto& text,
                    const auto& given) { return stripped(run, text, given, false, true); }},
      {"split", [](auto& run, const auto& text,
                   const auto& given) { return split(run, text, given, false); }},
      {"rsplit", [](auto& run, const auto& text,
                    const auto& given) { return split(run, text, given, true); }},
      {"splitlines", split_lines},
      {"startswith",
       [](auto&, const auto& text, const auto& given) {
         return Value::boolean(begins_or_ends(text, given, true));
       }},
      {"endswith",
       [](auto&, const auto& text, const auto& given) {
         return Value::boolean(begins_or_ends(text, given, false));
       }},
      {"replace",
       [](auto& run, const auto& text, const auto& given) {
         given.check("replace", 3, {"count"});
         return run.made_text(replaced(run, text, given.text(0, "", ""), given.text(1, "", ""),
                                       given.integer(2, "count", -1)));
       }},
      {"upper",
       [](auto& run, const auto& text, const auto&) { return run.made_text(upper_case(text)); }},
      {"lower",
       [](auto& run, const auto& text, const auto&) { return run.made_text(lower_case(text)); }},
      {"title",
       [](auto& run, const auto& text, const auto&) { return run.made_text(title_case(text)); }},
      {"capitalize",
       [](auto& run, const auto& text, const auto&) { return run.made_text(capitalised(text)); }},
      {"join", joined_by},
      {"find",
       [](auto&, const auto& text, const auto& given) { return found_at(text, given, false); }},
      {"index",
       [](auto&, const auto& text, const auto& given) { return found_at(text, given, true); }},
      {"count",
       [](auto&, const auto& text, const auto& given) {
         given.check("count", 1);
         const auto what = given.text(0, "", "");
         if (what.empty()) return Value::integer(length_of(text) + 1);
         int64_t count = 0;
         for (size_t at = text.find(what); at != std::string::npos;
              at = text.find(what, at + what.size()))
           ++count;
         return Value::integer(count);
       }},
      {"isdigit", [](auto&, const auto& text,
                     const auto&) { return Value::boolean(all_are(text, u_isdigit)); }},
      {"isalpha", [](auto&, const auto& text,
                     const auto&) { return Value::boolean(all_are(text, u_isalpha)); }},
      {"isspace",
       [](auto&, const auto& text, const auto&) {
         const auto each = characters(text);
         return Value::boolean(!each.empty() && std::all_of(each.begin(), each.end(), is_space));
       }},
      {"removeprefix",
       [](auto& run, const auto& text, const auto& given) {
         const auto part = given.text(0, "", "");
         return run.made_text(text.starts_with(part) ? text.substr(part.size()) : text);
       }},
      {"removesuffix", [](auto& run, const auto& text, const auto& given) {
         const auto part = given.text(0, "", "");
         return run.made_text(text.ends_with(part) ? text.substr(0, text.size() - part.size())
                                                   : text);
       }}};
  return all;
}

Value of_mapping(Interpreter& run, const Dict& dict, const std::string& name, const Given& given) {
  if (name == "get") {
    given.check("get", 2);
    if (given.positional.empty()) fail("get: expected a key, given none");
    const auto& key = given.positional[0];
    const auto* found = key.as_text() ? dict.find(key.as_text()->text) : nullptr;
    if (found) return *found;
    return given.positional.size() > 1 ? given.positional[1] : Value::none();
  }
  given.check(name, 0);
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    if (name == "keys") items.push_back(run.made_text(key));
    if (name == "values") items.push_back(value);
    if (name == "items") items.push_back(run.made_list({run.made_text(key), value}, true));
  }
  run.charge(items.size() * sizeof(Value));
  return Value::list(std::move(items), false,
                     name == "keys"     ? "dict_keys"
                     : name == "values" ? "dict_values"
                                        : "dict_items");
}

Value of_list(const List& list, const std::string& name, const Given& given) {
  given.check(name, 1);
  if (given.positional.empty()) fail(name, ": expected a value, given none");
  int64_t count = 0;
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (!equal(list.items[i], given.positional[0])) continue;
    if (name == "index") return Value::integer(static_cast<int64_t>(i));
    ++count;
  }
  if (name == "index") fail("index: the list does not hold it");
  return Value::integer(count);
}

}  // namespace

bool has_method(const Value& of, const std::string& name) {
  if (of.as_text()) return text_methods().contains(name);
  if (of.as_dict()) return name == "get" || name == "keys" || name == "values" || name == "items";
  return of.as_list() && (name == "index" || name == "count");
}

Value call_method(Interpreter& run, const Value& of, const std::string& name, const Given& given) {
  if (const auto* text = of.as_text()) {
    run.charge(text->text.size());
    return text_methods().find(name)->second(run, text->text, given);
  }
  if (const auto* dict = of.as_dict()) return of_mapping(run, *dict, name, given);
  return of_list(*of.as_list(), name, given);
}

}  // namespace heed::data::jinja
