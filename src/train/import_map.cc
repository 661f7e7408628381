#include <toml++/toml.h>
#include <set>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/core/nearest.h"
#include "heed/train/import.h"
#include "train/toml_keys.h"

namespace heed {
namespace {

/// The values of a mapping file, with the place of what is wrong.
class MapReader {
 public:
  explicit MapReader(std::string name) : name_(std::move(name)) {}

  template <class... Pieces>
  [[noreturn]] void refuse(const toml::node& at, const Pieces&... pieces) const {
    throw ModelError(text_of(name_, ":", at.source().begin.line, ": ", pieces...));
  }

  void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      const std::string given(key.str());
      if (std::find(known.begin(), known.end(), given) == known.end())
        refuse(node, "unknown key '", given, "'", suggestion(given, known));
    }
  }

  std::string text(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) refuse(table, key, ": expected a string, given nothing");
    return text(*node, key);
  }

  /// A string, or a list of them.
  std::vector<std::string> texts(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return {};
    if (!node->is_array()) return {text(*node, key)};
    std::vector<std::string> all;
    for (const auto& item : *node->as_array()) all.push_back(text(item, key));
    return all;
  }

  /// Texts of which none may stand twice.
  std::vector<std::string> names(const toml::table& table, const char* key) const {
    const auto all = texts(table, key);
    std::set<std::string> seen;
    for (const auto& name : all)
      if (!seen.insert(name).second)
        refuse(*table.get(key), key, ": expected each name once, given '", name, "' twice");
    return all;
  }

  TensorRule rule(const toml::table& table) const {
    check_keys(table, {"to", "from", "rows", "transpose", "scale"});
    TensorRule rule{.to = text(table, "to"), .from = texts(table, "from"), .rows = {}};
    if (rule.from.empty()) refuse(table, "from: expected the name of a tensor, given nothing");
    if (const auto* node = table.get("rows")) rule.rows = pair(*node);
    if (const auto* node = table.get("transpose")) {
      if (!node->is_boolean()) refuse(*node, "transpose: expected true or false");
      rule.transpose = node->as_boolean()->get();
    }
    if (const auto* node = table.get("scale")) {
      constexpr Bounds kScales = between(-1e6, 1e6);
      const auto scale = node->is_number() ? node->value<double>() : std::nullopt;
      if (!scale || !kScales.allow(*scale))
        refuse(*node, "scale: expected a number ", kScales.text());
      rule.scale = *scale;
    }
    return rule;
  }

  FileRule file(const toml::table& table) const {
    check_keys(table, {"from", "to", "append"});
    return {text(table, "from"), text(table, "to"), texts(table, "append")};
  }

  template <class Visit>
  void for_each_table(const toml::table& root, const std::string& key, const Visit& visit) const {
    const auto* node = root.get(key);
    if (!node) return;
    const auto* list = node->as_array();
    if (!list) refuse(*node, key, ": expected [[", key, "]] tables");
    for (const auto& item : *list) {
      if (!item.is_table()) refuse(item, key, ": expected [[", key, "]] tables");
      visit(*item.as_table());
    }
  }

 private:
  std::string text(const toml::node& node, const char* key) const {
    if (!node.is_string()) refuse(node, key, ": expected a string");
    return node.as_string()->get();
  }

  std::vector<int64_t> pair(const toml::node& node) const {
    std::vector<int64_t> all;
    if (const auto* list = node.as_array())
      for (const auto& item : *list)
        if (item.is_integer()) all.push_back(item.as_integer()->get());
    if (all.size() != 2) refuse(node, "rows: expected [FIRST, END]");
    return all;
  }

  std::string name_;
};

}  // namespace

ImportMap ImportMap::parse(std::string_view text, const std::string& name) {
  toml::table root;
  check_keys_of_toml(text, name);
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw ModelError(text_of(name, ":", error.source().begin.line, ": ", error.description()));
  }
  const MapReader reader(name);
  reader.check_keys(root, {"recipe", "ignore", "file", "tensor"});
  ImportMap map{.recipe = reader.text(root, "recipe"),
                .ignore = reader.names(root, "ignore"),
                .files = {},
                .tensors = {}};
  reader.for_each_table(root, "file",
                        [&](const auto& table) { map.files.push_back(reader.file(table)); });
  reader.for_each_table(root, "tensor",
                        [&](const auto& table) { map.tensors.push_back(reader.rule(table)); });
  if (map.tensors.empty())
    throw ModelError(name + ": tensor: expected [[tensor]] tables, given none");
  return map;
}

}  // namespace heed
