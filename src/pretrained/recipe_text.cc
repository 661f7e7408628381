#include "pretrained/recipe_text.h"

#include <algorithm>
#include <cstdio>

namespace heed::pretrained {
namespace {

std::string quoted(const std::string& text) {
  std::string all = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (all += '\\') += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", byte);
      all += escape;
    } else {
      all += c;
    }
  }
  return all + "\"";
}

/// The shortest text that is the same number.
std::string number_text(double value) {
  char digits[40];
  for (int precision = 1; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (std::stod(digits) == value) break;
  }
  std::string text = digits;
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

template <class T, class AsText>
std::string list_of(const std::vector<T>& values, const AsText& as_text) {
  std::string all = "[";
  for (const auto& value : values) all += (all.size() > 1 ? ", " : "") + as_text(value);
  return all + "]";
}

}  // namespace

RecipeText& RecipeText::table(const std::string& name) {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const Table& table) { return table.name == name; });
  at_ = static_cast<size_t>(found - tables_.begin());
  if (found == tables_.end()) tables_.push_back({name});
  return *this;
}

RecipeText& RecipeText::put(const std::string& key, std::string value) {
  for (auto& [known, own] : tables_[at_].values) {
    if (known != key) continue;
    own = std::move(value);
    return *this;
  }
  tables_[at_].values.emplace_back(key, std::move(value));
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, int64_t value) {
  return put(key, std::to_string(value));
}

RecipeText& RecipeText::set(const std::string& key, double value) {
  return put(key, number_text(value));
}

RecipeText& RecipeText::set(const std::string& key, bool value) {
  return put(key, value ? "true" : "false");
}

RecipeText& RecipeText::set(const std::string& key, const std::string& value) {
  return put(key, quoted(value));
}

RecipeText& RecipeText::set(const std::string& key, const Attention& value) {
  return set(key, value.text());
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<std::string>& values) {
  return put(key, list_of(values, quoted));
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<int64_t>& values) {
  return put(key, list_of(values, [](int64_t x) { return std::to_string(x); }));
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<double>& values) {
  return put(key, list_of(values, number_text));
}

std::string RecipeText::value(const std::string& table, const std::string& key) const {
  for (const auto& own : tables_)
    for (const auto& [known, value] : own.values)
      if (own.name == table && known == key) return value;
  return "";
}

std::string RecipeText::text() const {
  std::string all;
  for (const auto& table : tables_) {
    all += (all.empty() ? "[" : "\n[") + table.name + "]\n";
    for (const auto& [key, value] : table.values) all += key + " = " + value + "\n";
  }
  return all;
}

}  // namespace heed::pretrained
