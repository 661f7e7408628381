// Recipes written back: every field as TOML.
#include <toml++/toml.h>
#include <charconv>
#include <sstream>

#include "core/printable.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/train/recipe.h"
#include "ops/attention_toml.h"

namespace heed {

std::string FieldLister::to_toml(int64_t value) { return std::to_string(value); }

std::string FieldLister::to_toml(double value) {
  char text[40];
  std::string number(text, std::to_chars(text, text + sizeof text, value).ptr);
  if (number.find_first_of(".en") == std::string::npos) number += ".0";
  return number;
}

std::string FieldLister::to_toml(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (text += '\\') += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04X", byte);
      text += escape;
    } else {
      text += c;
    }
  }
  return text + '"';
}

void FieldLister::add(const char* name, std::string value, const char* help) {
  if (invalid_utf8(value) != std::string::npos)
    throw ModelError(prefix_ + name + ": " + printable(value) +
                     " is no UTF-8, and a recipe is; name it otherwise (a link will do)");
  entries.push_back({prefix_ + name, std::move(value), help});
}

void FieldLister::operator()(const char* name, bool field, const char* help) {
  add(name, field ? "true" : "false", help);
}
void FieldLister::operator()(const char* name, int64_t field, const char* help,
                             const Bounds& bounds) {
  add(name, to_toml(field), help);
  entries.back().bounds = bounds;
}
void FieldLister::operator()(const char* name, double field, const char* help,
                             const Bounds& bounds) {
  add(name, to_toml(field), help);
  entries.back().bounds = bounds;
}
void FieldLister::operator()(const char* name, const std::string& field, const char* help) {
  add(name, to_toml(field), help);
}
void FieldLister::operator()(const char* name, const std::string& field, const char* help,
                             const OneOf& words) {
  std::string known;
  for (const auto& word : words.words)
    if (!word.empty()) known += (known.empty() ? " (" : ", ") + word;
  add(name, to_toml(field), (help + known + ")").c_str());
  entries.back().words = words.words;
}
void FieldLister::operator()(const char* name, const Attention& field, const char* help) {
  toml::table table = ops::to_toml(field);
  table.is_inline(true);
  std::ostringstream text;
  text.exceptions(std::ios::badbit);
  text << table;
  add(name, text.str(), help);
}

namespace {

/// "head[1].pool" as "\n[head.pool]\n", "head[1]" as "\n[[head]]\n".
std::string section_line(const std::string& section) {
  std::string path;
  bool inside = false;
  for (const char c : section) {
    if (c == '[') inside = true;
    if (!inside) path += c;
    if (c == ']') inside = false;
  }
  return section.back() == ']' ? "[[" + path + "]]\n" : "[" + path + "]\n";
}

}  // namespace

std::string to_toml(const std::vector<RecipeEntry>& entries) {
  std::vector<std::pair<std::string, std::string>> sections;  // path of the table -> its lines
  for (const auto& entry : entries) {
    const size_t dot = entry.path.rfind('.');
    const std::string section = dot == std::string::npos ? "" : entry.path.substr(0, dot);
    const std::string key = dot == std::string::npos ? entry.path : entry.path.substr(dot + 1);
    auto at = std::find_if(sections.begin(), sections.end(),
                           [&](const auto& known) { return known.first == section; });
    if (at == sections.end()) at = sections.insert(at, {section, ""});
    at->second += key + " = " + entry.value + "  # " + entry.help + "\n";
  }
  std::string text;
  for (const auto& [section, lines] : sections) {
    if (!section.empty()) text += (text.empty() ? "" : "\n") + section_line(section);
    text += lines;
  }
  return text;
}

std::vector<RecipeChange> check_same_recipe(const RecipeFile& before, const RecipeFile& now,
                                            const std::vector<std::string>& free_to_differ) {
  const auto was = before.values(), is = now.values();
  const auto value_in = [](const auto& values, const std::string& path) {
    const auto found = values.find(path);
    return found == values.end() ? std::string("not there") : found->second;
  };
  const auto is_free = [&](const std::string& path) {
    return std::any_of(free_to_differ.begin(), free_to_differ.end(), [&](const auto& name) {
      return name.ends_with('.') ? path.starts_with(name) : path == name;
    });
  };
  auto all = was;
  all.insert(is.begin(), is.end());
  std::vector<RecipeChange> changes;
  for (const auto& [path, value] : all) {
    RecipeChange change{path, value_in(was, path), value_in(is, path)};
    if (change.was == change.is) continue;
    if (!is_free(path))
      throw ModelError("the recipe is not that of the run in " + before.name() + ": " + path +
                       " was " + change.was + " and is " + change.is +
                       "; resume with the recipe as it was, or train into another folder");
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace heed
