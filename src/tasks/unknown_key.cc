#include "tasks/unknown_key.h"

#include <algorithm>

#include "heed/core/error.h"
#include "tasks/recipe_entries.h"

namespace heed {
namespace {

constexpr int64_t kMostWords = 4;  // of a key that are shown

/// The keys of the recipe with one assignment more.
std::vector<RecipeEntry> entries_with(RecipeFile file, const std::string& assignment) {
  file.set(assignment);
  return entries_of(file);
}

bool has(const std::vector<RecipeEntry>& entries, const std::string& path) {
  return std::any_of(entries.begin(), entries.end(), [&](const RecipeEntry& entry) {
    return entry.path == path || entry.path.starts_with(path + ".");
  });
}

struct OtherValue {
  std::string value;  ///< TOML
  std::string words;  ///< of it: "above 0"
};

std::vector<OtherValue> other_values(const RecipeEntry& entry) {
  const auto& value = entry.value;
  if (value == "true") return {{"false", "false"}};
  if (value == "false") return {{"true", "true"}};
  if (value == "[]") return {{entry.bounds ? "[2]" : "['x']", "given"}};
  if (entry.bounds && value == "0") return {{"2", "above 0"}};
  if (entry.bounds && !value.starts_with("[") && entry.bounds->allow(0)) return {{"0", "0"}};
  if (value == "\"\"" && entry.words.empty()) return {{"'x'", "given"}};
  std::vector<OtherValue> all;
  for (const auto& word : entry.words)
    if (value != '"' + word + '"') all.push_back({"'" + word + "'", '"' + word + '"'});
  return all;
}

/// "head.encoder_layers is above 0 (it is 0)", or "".
std::string condition(const RecipeFile& file, const RecipeEntry& entry, const std::string& path) {
  std::string words;
  int64_t found = 0;
  for (const auto& [value, text] : other_values(entry)) {
    if (!has(entries_with(file, entry.path + "=" + value), path)) continue;
    if (++found <= kMostWords) words += (words.empty() ? "" : " or ") + text;
  }
  if (found == 0) return "";
  if (found > kMostWords) words += " or another";
  const bool is_given = entry.value == "[]" || entry.value == "\"\"";
  return entry.path + " is " + words + (is_given ? "" : " (it is " + entry.value + ")");
}

}  // namespace

std::string only_where(const RecipeFile& file, const std::string& path) {
  if (path.find('[') != std::string::npos || path.find('.') == std::string::npos) return "";
  std::string conditions;
  try {
    const auto entries = entries_of(file);
    if (has(entries, path)) return "";
    for (const bool kinds :
         {false, true}) {  // another kind of part only where nothing else will do
      for (const auto& entry : entries) {
        const auto table = entry.path.substr(0, entry.path.rfind('.') + 1);
        if (table.empty() || !path.starts_with(table)) continue;
        if (kinds != entry.path.ends_with(".kind") || (kinds && !conditions.empty())) continue;
        const auto more = condition(file, entry, path);
        if (!more.empty()) conditions += (conditions.empty() ? "" : ", or where ") + more;
      }
    }
  } catch (const Error&) {
    return "";
  }
  if (conditions.empty()) return "";
  return ", which is there only where " + conditions + "; change that or remove this key";
}

}  // namespace heed
