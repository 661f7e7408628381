// Lists of words as they stand in their file.
#include <set>

#include "heed/core/error.h"
#include "heed/tasks/word_lists.h"
#include "tasks/toml_tables.h"

namespace heed {
namespace {

/// Refuses at the table what a swap of its words would refuse.
WordGroup checked(const TomlTable& table, WordGroup group) {
  try {
    const WordSwap swap(group);
  } catch (const ModelError& error) {
    table.refuse("", error.what());
  }
  return group;
}

WordGroup swap_of(const TomlTable& table) {
  table.expect_keys({"name", "pairs", "one_way"});
  WordGroup group{table.text("name")};
  group.pairs = table.pairs("pairs"), group.one_way = table.pairs("one_way");
  return checked(table, std::move(group));
}

WordGroup mask_of(const TomlTable& table) {
  table.expect_keys({"name", "words", "by"});
  WordGroup group{table.text("name")};
  group.words = table.texts("words"), group.by = table.text("by", ""), group.masks = true;
  return checked(table, std::move(group));
}

std::vector<WordGroup> groups_of(const TomlFile& file, const std::string& name) {
  const auto root = file.root();
  root.expect_keys({"swap", "mask"});
  std::vector<WordGroup> groups;
  std::set<std::string> names;
  const auto add = [&](const TomlTable& table, WordGroup group) {
    if (group.name.empty()) table.refuse("name", "it is empty; expected what to call the group");
    if (!names.insert(group.name).second)
      table.refuse("name", "another group is called '" + group.name + "', too");
    groups.push_back(std::move(group));
  };
  for (const auto& table : root.tables("swap")) add(table, swap_of(table));
  for (const auto& table : root.tables("mask")) add(table, mask_of(table));
  if (groups.empty())
    throw ModelError(name + ": no lists of words; expected [[swap]] or [[mask]] tables");
  return groups;
}

}  // namespace

std::vector<WordGroup> read_word_lists(const std::filesystem::path& file) {
  return groups_of(TomlFile::read(file), file.string());
}

std::vector<WordGroup> parse_word_lists(std::string_view toml, const std::string& name) {
  return groups_of(TomlFile(toml, name), name);
}

}  // namespace heed
