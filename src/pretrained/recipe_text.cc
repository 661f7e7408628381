#include "pretrained/recipe_text.h"

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
  text_ += (text_.empty() ? "[" : "\n[") + name + "]\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, int64_t value) {
  text_ += key + " = " + std::to_string(value) + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, double value) {
  text_ += key + " = " + number_text(value) + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, bool value) {
  text_ += key + " = " + (value ? "true" : "false") + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, const std::string& value) {
  text_ += key + " = " + quoted(value) + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, const Attention& value) {
  return set(key, value.text());
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<std::string>& values) {
  text_ += key + " = " + list_of(values, quoted) + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<int64_t>& values) {
  text_ += key + " = " + list_of(values, [](int64_t x) { return std::to_string(x); }) + "\n";
  return *this;
}

RecipeText& RecipeText::set(const std::string& key, const std::vector<double>& values) {
  text_ += key + " = " + list_of(values, number_text) + "\n";
  return *this;
}

}  // namespace heed::pretrained
