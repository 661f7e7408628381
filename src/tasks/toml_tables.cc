#include "tasks/toml_tables.h"

#include <algorithm>
#include <sstream>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/nearest.h"
#include "train/toml_keys.h"

namespace heed {
namespace {

constexpr uint64_t kMostBytes = uint64_t{16} << 20;

toml::table parsed_table(std::string_view text, const std::string& name) {
  check_keys_of_toml(text, name);
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    std::ostringstream message;
    message << name << ':' << at.line << ':' << at.column << ": not TOML: " << error.description();
    throw ModelError(printable(message.str()));
  }
}

}  // namespace

TomlFile::TomlFile(std::string_view text, std::string name)
    : name_(std::move(name)), table_(parsed_table(text, name_)) {}

TomlFile TomlFile::read(const std::filesystem::path& file) {
  return {read_text(file, kMostBytes), file.string()};
}

const toml::node* TomlTable::find(const std::string& key) const { return table_->get(key); }
bool TomlTable::has(const std::string& key) const { return find(key) != nullptr; }

void TomlTable::refuse(const std::string& key, const std::string& message) const {
  const auto* node = key.empty() ? table_ : find(key);
  const auto line = (node ? node : table_)->source().begin.line;
  const auto path = path_ + (path_.empty() || key.empty() ? "" : ".") + key;
  std::string place = file_;
  if (line > 0) place.append(":").append(std::to_string(line));
  if (!path.empty()) place.append(": ").append(path);
  throw ModelError(printable(place + ": " + message));
}

void TomlTable::refuse_type(const std::string& key, const char* expected) const {
  std::ostringstream given;
  const auto* node = find(key);
  if (!node) refuse(key, std::string("it is missing; expected ") + expected);
  given << node->type();
  refuse(key, std::string("expected ") + expected + ", given a TOML " + given.str());
}

void TomlTable::expect_keys(const std::vector<std::string>& known) const {
  for (const auto& [key, node] : *table_) {
    const std::string name(key.str());
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse(name, "unknown key" + suggestion(name, known));
  }
}

std::string TomlTable::text(const std::string& key,
                            const std::optional<std::string>& otherwise) const {
  const auto* node = find(key);
  if (!node && otherwise) return *otherwise;
  if (!node || !node->is_string()) refuse_type(key, "a text in quotes");
  return node->as_string()->get();
}

bool TomlTable::flag(const std::string& key, bool otherwise) const {
  const auto* node = find(key);
  if (!node) return otherwise;
  if (!node->is_boolean()) refuse_type(key, "true or false");
  return node->as_boolean()->get();
}

double TomlTable::number(const std::string& key, const Bounds& bounds,
                         const std::optional<double>& otherwise) const {
  const auto* node = find(key);
  if (!node && otherwise) return *otherwise;
  const auto expected = "a number " + bounds.text();
  const auto found = node && node->is_number() ? node->value<double>() : std::nullopt;
  if (!found) refuse_type(key, expected.c_str());
  if (!bounds.allow(*found)) {
    std::ostringstream given;
    given << "expected " << expected << ", given " << *found;
    refuse(key, given.str());
  }
  return *found;
}

std::vector<std::string> TomlTable::texts(const std::string& key) const {
  const auto* node = find(key);
  if (!node) return {};
  constexpr const char* kExpected = "a list of texts";
  if (!node->is_array()) refuse_type(key, kExpected);
  std::vector<std::string> all;
  for (const auto& item : *node->as_array()) {
    if (!item.is_string()) refuse(key, std::string("expected ") + kExpected);
    all.push_back(item.as_string()->get());
  }
  return all;
}

std::vector<std::pair<std::string, std::string>> TomlTable::pairs(const std::string& key) const {
  const auto* node = find(key);
  if (!node) return {};
  constexpr const char* kExpected = "a list of pairs, as [[\"he\", \"she\"], [\"his\", \"her\"]]";
  if (!node->is_array()) refuse_type(key, kExpected);
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& item : *node->as_array()) {
    const auto* pair = item.as_array();
    if (!pair || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      refuse(key, std::string("expected ") + kExpected);
    all.emplace_back((*pair)[0].as_string()->get(), (*pair)[1].as_string()->get());
  }
  return all;
}

std::vector<TomlTable> TomlTable::tables(const std::string& key) const {
  const auto* node = find(key);
  if (!node) return {};
  const auto* array = node->as_array();
  const auto expected = "tables that begin with [[" + key + "]]";
  if (!array) refuse_type(key, expected.c_str());
  std::vector<TomlTable> all;
  for (const auto& item : *array) {
    if (!item.is_table()) refuse(key, "expected " + expected);
    const auto path = path_ + (path_.empty() ? "" : ".") + key;
    all.emplace_back(file_, path + "[" + std::to_string(all.size()) + "]", *item.as_table());
  }
  return all;
}

}  // namespace heed
