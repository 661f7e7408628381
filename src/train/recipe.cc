#include "heed/train/recipe.h"

#include <toml++/toml.h>
#include <charconv>
#include <map>
#include <sstream>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/nearest.h"
#include "heed/core/problem_list.h"
#include "ops/attention_toml.h"
#include "train/toml_keys.h"

namespace heed {

struct RecipeFile::Document {
  std::string name;
  std::string text;
  toml::table root;
  std::map<std::string, std::string> set;  // path -> the assignment that set it
  std::vector<std::string> changes;  // in their order: assignments, and paths that were erased

  Document(std::string_view toml, const std::string& file_name) : name(file_name), text(toml) {
    check_keys_of_toml(text, name);
    try {
      root = toml::parse(text, name);
    } catch (const toml::parse_error& error) {
      const auto at = error.source().begin;
      throw ModelError(name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                       ": not TOML: " + std::string(error.description()));
    }
  }

  void assign(const std::string& whole);
  void erase(const std::string& path);
  std::shared_ptr<Document> anew() const;

  /// "recipe.toml:12: train.epochs": where a key stands; of a table also what --set changed in it.
  std::string where(const std::string& path, const toml::node* node) const {
    std::string changes;
    for (const auto& [key, assignment] : set) {
      if (path == key || path.starts_with(key + ".") || path.starts_with(key + "["))
        return "--set " + assignment + ": " + path;
      if (path.empty() || key.starts_with(path + "."))
        changes += (changes.empty() ? "" : ", ") + std::string("--set ") + assignment;
    }
    const auto line = node && !path.empty() ? node->source().begin.line : 0;
    return name + (line ? ":" + std::to_string(line) : "") +
           (changes.empty() ? "" : " (with " + changes + ")") + (path.empty() ? "" : ": " + path);
  }
};

namespace {

const char* toml_kind(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

/// As it would be written. A stream that finds no memory must say so.
std::string shown(const toml::node& node) {
  if (const auto number = node.value_exact<double>()) {
    char digits[40];
    std::string text(digits, std::to_chars(digits, digits + sizeof digits, *number).ptr);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  std::ostringstream text;
  text.exceptions(std::ios::badbit);
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> keys{""};
  for (const char c : path) {
    if (c == '.')
      keys.emplace_back();
    else
      keys.back() += c;
  }
  return keys;
}

/// The value of an assignment as the one key `x` of a table: TOML where it is that, a string
/// otherwise.
toml::table parse_value(std::string_view text) {
  check_keys_of_toml(text, "--set");
  try {
    toml::table table = toml::parse("x = " + std::string(text));
    if (table.size() == 1) return table;
  } catch (const toml::parse_error&) {
  }
  toml::table table;
  table.insert("x", std::string(text));
  return table;
}

void collect(const toml::table& table, const std::string& prefix,
             std::map<std::string, std::string>& values) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      collect(*inner, path + ".", values);
    } else {
      values[path] = shown(node);
    }
  }
}

}  // namespace

RecipeFile RecipeFile::read(const std::filesystem::path& file) {
  return parse(read_text(file, kMostBytes), file.string());
}

RecipeFile RecipeFile::parse(std::string_view text, const std::string& name) {
  RecipeFile recipe;
  recipe.document_ = std::make_shared<const Document>(text, name);
  return recipe;
}

const std::string& RecipeFile::name() const { return document_->name; }

std::map<std::string, std::string> RecipeFile::values() const {
  std::map<std::string, std::string> values;
  collect(document_->root, "", values);
  return values;
}

void RecipeFile::Document::assign(const std::string& whole) {
  const size_t equals = whole.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError("--set " + whole + ": expected KEY=VALUE, as in train.epochs=3");
  }
  const std::string path = whole.substr(0, equals);
  const auto keys = split_path(path);
  if (keys.size() > kMostKeyParts)
    throw UsageError("--set: a key of " + std::to_string(keys.size()) +
                     " parts, expected at most " + std::to_string(kMostKeyParts));
  toml::table* table = &root;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].empty()) throw UsageError("--set " + whole + ": a key of '" + path + "' is empty");
    if (i + 1 == keys.size()) break;
    toml::node* next = table->get(keys[i]);
    if (!next) next = &table->insert(keys[i], toml::table{}).first->second;
    table = next->as_table();
    if (!table) {
      throw UsageError("--set " + whole + ": '" + keys[i] + "' is " + toml_kind(*next) +
                       " in the recipe, not a table; set it as a whole");
    }
  }
  toml::table value = parse_value(std::string_view(whole).substr(equals + 1));
  value.get("x")->visit([&](auto& node) { table->insert_or_assign(keys.back(), std::move(node)); });
  set[path] = whole;
  changes.push_back(whole);
}

void RecipeFile::Document::erase(const std::string& path) {
  const auto keys = split_path(path);
  toml::table* table = &root;
  for (size_t i = 0; table && i + 1 < keys.size(); ++i) {
    toml::node* next = table->get(keys[i]);
    table = next ? next->as_table() : nullptr;
  }
  if (table) table->erase(keys.back());
  changes.push_back(path);
}

/// A copy of a toml::table forgets the lines of its keys, which messages name: so it is read anew.
std::shared_ptr<RecipeFile::Document> RecipeFile::Document::anew() const {
  auto again = std::make_shared<Document>(text, name);
  for (const auto& change : changes)
    change.find('=') == std::string::npos ? again->erase(change) : again->assign(change);
  return again;
}

void RecipeFile::erase(const std::string& path) {
  auto changed = document_->anew();
  changed->erase(path);
  document_ = std::move(changed);
}

void RecipeFile::set(std::string_view assignment) {
  auto changed = document_->anew();
  changed->assign(std::string(assignment));
  document_ = std::move(changed);
}

std::string RecipeFile::text_at(const std::string& key) const {
  const toml::node* node = document_->root.get(key);
  if (!node) throw ModelError(name() + ": the key '" + key + "' is missing");
  const auto* text = node->as_string();
  if (!text) {
    throw ModelError(document_->where(key, node) + ": expected a string, given " +
                     toml_kind(*node));
  }
  return text->get();
}

struct FieldReader::Impl {
  struct Level {
    const toml::table* table;  // null: the recipe leaves it out
    std::string prefix;
    std::vector<std::string> known;
  };
  RecipeFile file;
  std::vector<Level> levels;
  std::string problems;
  std::function<std::string(const std::string&)> explain;

  const RecipeFile::Document& document() const { return *file.document_; }
  std::string path(const char* name) const { return levels.back().prefix + name; }

  const toml::node* find(const char* name) {
    levels.back().known.emplace_back(name);
    return levels.back().table ? levels.back().table->get(name) : nullptr;
  }

  void add_problem(const std::string& problem) {
    problems += (problems.empty() ? "" : "\n") + printable(problem);
  }

  void refuse(const std::string& path, const toml::node& node, const std::string& expected) {
    add_problem(document().where(path, &node) + ": expected " + expected + ", given " +
                (node.is_table() || node.is_array() ? toml_kind(node) : shown(node)));
  }

  void take(const std::string& path, const toml::node& node, bool& field) {
    if (node.is_boolean()) {
      field = node.as_boolean()->get();
    } else {
      refuse(path, node, "true or false");
    }
  }

  void take(const std::string& path, const toml::node& node, int64_t& field, const Bounds& bounds) {
    const auto* value = node.as_integer();
    if (value && bounds.allow(static_cast<double>(value->get()))) {
      field = value->get();
    } else {
      refuse(path, node, "a whole number " + bounds.text());
    }
  }

  void take(const std::string& path, const toml::node& node, double& field, const Bounds& bounds) {
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (value && bounds.allow(*value)) {
      field = *value;
    } else {
      refuse(path, node, "a number " + bounds.text());
    }
  }

  void take(const std::string& path, const toml::node& node, std::string& field) {
    if (node.is_string()) {
      field = node.as_string()->get();
    } else {
      refuse(path, node, "a string");
    }
  }

  template <class T, class... Rule>
  void take(const std::string& path, const toml::node& node, std::vector<T>& field,
            const Rule&... bounds) {
    if constexpr (std::is_same_v<T, std::string>) {  // one text is a list of one
      if (node.is_string()) return void(field = {node.as_string()->get()});
    }
    if (!node.is_array()) return refuse(path, node, "an array");
    field.clear();
    for (const toml::node& item : *node.as_array()) {
      const std::string place = path + "[" + std::to_string(field.size()) + "]";
      take(place, item, field.emplace_back(), bounds...);
    }
  }

  void refuse_twice(const char* name, const std::vector<std::string>& names) {
    const auto* table = levels.back().table;
    const toml::node* node = table ? table->get(name) : nullptr;
    if (!node || !node->is_array()) return;
    const auto& array = *node->as_array();
    std::map<std::string, size_t> first;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto [known, is_new] = first.emplace(names[i], i);
      if (is_new || !array[i].is_string()) continue;
      const auto place = [&](size_t at) { return path(name) + "[" + std::to_string(at) + "]"; };
      add_problem(document().where(place(i), &array[i]) + ": expected each name once, given '" +
                  names[i] + "', which is " + place(known->second) + ", too; remove one");
    }
  }

  template <class T, class... Rule>
  void field(const char* name, T& field, const Rule&... bounds) {
    if (const toml::node* node = find(name)) take(path(name), *node, field, bounds...);
  }
};

FieldReader::FieldReader(const RecipeFile& file) : impl_(new Impl{file, {}, "", {}}) {
  impl_->levels.push_back({&impl_->document().root, "", {}});
}
FieldReader::~FieldReader() = default;

void FieldReader::explain_unknown(std::function<std::string(const std::string& path)> explain) {
  impl_->explain = std::move(explain);
}

void FieldReader::operator()(const char* name, bool& field, const char*) {
  impl_->field(name, field);
}
void FieldReader::operator()(const char* name, int64_t& field, const char*, const Bounds& bounds) {
  impl_->field(name, field, bounds);
}
void FieldReader::operator()(const char* name, double& field, const char*, const Bounds& bounds) {
  impl_->field(name, field, bounds);
}
void FieldReader::operator()(const char* name, std::string& field, const char*) {
  impl_->field(name, field);
}
void FieldReader::operator()(const char* name, std::vector<int64_t>& field, const char*,
                             const Bounds& bounds) {
  impl_->field(name, field, bounds);
}
void FieldReader::operator()(const char* name, std::vector<double>& field, const char*,
                             const Bounds& bounds) {
  impl_->field(name, field, bounds);
}
void FieldReader::operator()(const char* name, std::vector<std::string>& field, const char*) {
  impl_->field(name, field);
  impl_->refuse_twice(name, field);
}
void FieldReader::operator()(const char* name, std::vector<std::string>& field, const char*,
                             MayRepeat) {
  impl_->field(name, field);
}

void FieldReader::operator()(const char* name, std::string& field, const char*,
                             const OneOf& words) {
  std::string given = field;
  impl_->field(name, given);
  if (std::find(words.words.begin(), words.words.end(), given) != words.words.end()) {
    field = given;
    return;
  }
  const auto* table = impl_->levels.back().table;
  impl_->add_problem(
      impl_->document().where(impl_->path(name), table ? table->get(name) : nullptr) +
      ": unknown '" + given + "'" + suggestion(given, words.words));
}

void FieldReader::operator()(const char* name, Attention& field, const char*) {
  const toml::node* node = impl_->find(name);
  if (!node) return;
  try {
    field = ops::read_attention(*node, impl_->path(name),
                                [&](const toml::node& at, const std::string& path) {
                                  return impl_->document().where(path, &at);
                                });
  } catch (const Error& error) {
    impl_->add_problem(error.what());
  }
}

bool FieldReader::has(const char* name) {
  const auto* table = impl_->levels.back().table;
  if (table && table->contains(name)) return true;
  impl_->levels.back().known.emplace_back(name);
  return false;
}

void FieldReader::refuse_table(const std::string& message) {
  const auto& level = impl_->levels.back();
  const std::string path = level.prefix.substr(0, level.prefix.size() - !level.prefix.empty());
  impl_->add_problem(impl_->document().where(path, level.table) + ": " + message);
}

size_t FieldReader::tables(const char* name) {
  const auto* table = impl_->levels.back().table;
  const toml::node* node = table ? table->get(name) : nullptr;
  return node && node->is_array_of_tables() ? node->as_array()->size() : 0;
}

void FieldReader::enter(const char* name, int64_t i) {
  const toml::node* node = impl_->find(name);
  std::string path = impl_->path(name);
  if (node && i >= 0) {
    node = node->as_array()->get(static_cast<size_t>(i));
    path += "[" + std::to_string(i) + "]";
  }
  if (node && !node->is_table()) impl_->refuse(path, *node, "a table");
  impl_->levels.push_back({node ? node->as_table() : nullptr, path + ".", {}});
}

void FieldReader::leave() {
  const Impl::Level level = std::move(impl_->levels.back());
  impl_->levels.pop_back();
  if (level.table) {
    for (const auto& [key, node] : *level.table) {
      const std::string name(key.str());
      if (std::find(level.known.begin(), level.known.end(), name) != level.known.end()) continue;
      const auto why = impl_->explain ? impl_->explain(level.prefix + name) : "";
      impl_->add_problem(impl_->document().where(level.prefix + name, &node) + ": unknown key '" +
                         name + "'" + (why.empty() ? suggestion(name, level.known) : why));
    }
  }
  if (impl_->levels.empty() && !impl_->problems.empty()) throw ProblemList(impl_->problems);
}

}  // namespace heed
