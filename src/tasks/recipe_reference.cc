#include "heed/tasks/recipe_reference.h"

#include <algorithm>
#include <deque>
#include <set>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/tasks/recipe.h"
#include "tasks/recipe_entries.h"

namespace heed {
namespace {

using Entries = std::vector<RecipeEntry>;
/// Keys and values, "input.tokenizer.kind=bpe".
using Assignments = std::vector<std::string>;

/// The fields that a recipe has which says this much.
Entries entries_said(const Assignments& said) {
  RecipeFile file = RecipeFile::parse("", "recipe");
  for (const auto& assignment : said) file.set(assignment);
  return entries_of(file);
}

template <class Part>
void check_kind(const char* what, const std::string& kind) {
  std::vector<std::string> known;
  for (const auto& [name, make] : registry<Part>()) known.push_back(name);
  if (std::find(known.begin(), known.end(), kind) == known.end())
    throw UsageError(std::string("no ") + what + " '" + kind + "'" + suggestion(kind, known));
}

/// Fields without a default, which are listed where they are given.
const Assignments kWithoutDefault = {"data.quoting=true", "model.from=FOLDER", "gap.lists=FILE"};

/// What the field means and what it may be.
std::string meaning(const RecipeEntry& entry) {
  std::string words;
  for (const auto& word : entry.words)
    if (!word.empty()) words += (words.empty() ? "" : ", ") + word;
  if (words.empty() || entry.help.ends_with("(" + words + ")")) words.clear();
  return entry.help + (words.empty() ? "" : " (" + words + ")") +
         (entry.bounds ? "; " + entry.bounds->text() : "");
}

struct Row {
  RecipeEntry entry;
  std::string where;  ///< what must be said for the key to be there; empty: nothing
};

/// Other values of a field on which the fields behind it may depend.
std::vector<std::string> alternatives(const RecipeEntry& entry) {
  if (entry.value == "true" || entry.value == "false")
    return {entry.value == "true" ? "false" : "true"};
  if (entry.value == "0") return {"2"};
  std::vector<std::string> words;
  for (const auto& word : entry.words)
    if (entry.value != '"' + word + '"' && !word.empty()) words.push_back(word);
  return words;
}

/// Every field under `prefix` that some recipe of the cell has: those of the cell as it is, then those which come by
/// another value of one of them, and so on.
std::vector<Row> rows_of(const Assignments& cell, const std::string& prefix) {
  std::vector<Row> rows;
  std::set<std::string> seen;
  std::deque<std::pair<Assignments, std::string>> next{{cell, ""}};
  for (const auto& given : kWithoutDefault) {
    auto said = cell;
    said.push_back(given);
    next.emplace_back(said, "");
  }
  while (!next.empty()) {
    const auto [said, where] = std::move(next.front());
    next.pop_front();
    for (const auto& entry : entries_said(said)) {
      if (!entry.path.starts_with(prefix) || !seen.insert(entry.path).second) continue;
      rows.push_back({entry, where});
      const bool chosen = entry.path == prefix + "kind";  // the part itself
      for (const auto& value : chosen ? std::vector<std::string>{} : alternatives(entry)) {
        auto more = said;
        more.push_back(entry.path + "=" + value);
        next.emplace_back(more, entry.path.substr(prefix.size()) + " = " + value);
      }
    }
  }
  return rows;
}

std::string cell_text(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '|') safe += '\\';
    safe += c;
  }
  return safe;
}

std::string section(const std::string& title, const std::vector<Row>& rows,
                    const std::string& prefix) {
  std::string text = "\n## " + title + "\n\n| key | default | meaning |\n|---|---|---|\n";
  for (const auto& [entry, where] : rows) {
    text += "| `" + entry.path.substr(prefix.size()) + "` | " +
            (entry.value.empty() ? "" : "`" + cell_text(entry.value) + "`") + " | " +
            cell_text(meaning(entry)) + (where.empty() ? "" : "; where `" + where + "`") + " |\n";
  }
  return text;
}

/// The keys of each kind of a part, `table`: "input", "encoder" or "head".
template <class Part>
std::string sections(const std::string& table, Assignments cell) {
  std::string text;
  for (const auto& [kind, make] : registry<Part>()) {
    auto said = cell;
    said.push_back(table + ".kind=" + kind);
    text +=
        section("[" + table + "] kind = \"" + kind + "\"", rows_of(said, table + "."), table + ".");
  }
  return text;
}

std::vector<Row> outermost(std::vector<Row> rows) {
  std::erase_if(rows, [](const Row& row) { return row.entry.path.find('.') != std::string::npos; });
  return rows;
}

}  // namespace

std::string recipe_template(const std::string& input, const std::string& encoder,
                            const std::string& head) {
  check_kind<Input>("input", input);
  check_kind<Head>("head", head);
  if (!encoder.empty()) check_kind<EncoderPart>("encoder", encoder);
  Assignments said = {"input.kind=" + input, "head.kind=" + head};
  if (!encoder.empty()) said.push_back("encoder.kind=" + encoder);
  auto entries = entries_said(said);
  for (auto& entry : entries) entry.help = meaning(entry);
  return to_toml(entries);
}

std::string recipe_reference() {
  const Assignments cell = {"input.kind=text", "head.kind=class"};
  return "# The keys of a recipe\n\n"
         "Made by `heed recipe --reference` from what the program itself reads, so it is complete: "
         "every key with its "
         "default, its\nmeaning and what it may be. [grid.md](grid.md) says what the parts are; "
         "`heed recipe text class` "
         "prints a whole recipe of\na cell.\n" +
         section("The top", outermost(rows_of(cell, "")), "") +
         section("[data]", rows_of(cell, "data."), "data.") +
         section("[model]", rows_of(cell, "model."), "model.") +
         section("[gap]", rows_of(cell, "gap."), "gap.") +
         section("[train]", rows_of(cell, "train."), "train.") +
         sections<Input>("input", {"head.kind=class"}) + sections<EncoderPart>("encoder", cell) +
         sections<Head>("head", {"input.kind=text"});
}

}  // namespace heed
