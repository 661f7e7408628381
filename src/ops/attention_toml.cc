#include "ops/attention_toml.h"

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "ops/attention_text.h"

namespace heed::ops {
namespace {

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all = {"score",     "position",     "modifiers",
                                               "masks",     "normalizer",   "merge",
                                               "num_heads", "num_kv_heads", "dropout"};
  return all;
}

/// A key and how messages say where it stands.
struct Where {
  std::string path;
  const PlaceOf& place_of;

  std::string place(const toml::node& node) const { return place_of(node, path) + ": "; }
};

std::string describe(const toml::node& node) {
  std::ostringstream text;
  text << node.type();
  return text.str();
}

template <class T>
T read_value(const toml::node& node, const Where& where, const char* expected) {
  if (const auto* found = node.as<T>()) return found->get();
  throw ModelError(where.place(node) + "expected " + expected + ", given a TOML " + describe(node));
}

OpSpec read_op(const toml::node& node, const Where& where, OpKind::Role role) {
  const auto text = read_value<std::string>(node, where, "a word in quotes");
  try {
    return parse_op(text, role);
  } catch (const UsageError& e) {
    throw ModelError(where.place(node) + e.what());
  }
}

std::vector<OpSpec> read_ops(const toml::node& node, const Where& where, OpKind::Role role) {
  const auto* array = node.as_array();
  if (!array)
    throw ModelError(where.place(node) + "expected an array of words, given a TOML " +
                     describe(node));
  std::vector<OpSpec> specs;
  for (const auto& item : *array) specs.push_back(read_op(item, where, role));
  return specs;
}

double read_number(const toml::node& node, const Where& where) {
  if (const auto* whole = node.as_integer()) return static_cast<double>(whole->get());
  return read_value<double>(node, where, "a number");
}

void read_key(Attention& how, std::string_view key, const toml::node& node, const Where& where) {
  if (key == "score") {
    how.score = read_op(node, where, OpKind::Role::score);
  } else if (key == "position") {
    how.position = read_op(node, where, OpKind::Role::position);
  } else if (key == "modifiers") {
    how.modifiers = read_ops(node, where, OpKind::Role::modifier);
  } else if (key == "masks") {
    how.masks = read_ops(node, where, OpKind::Role::mask);
  } else if (key == "normalizer") {
    how.normalizer = read_op(node, where, OpKind::Role::normalizer);
  } else if (key == "merge") {
    how.merge = read_op(node, where, OpKind::Role::merge);
  } else if (key == "num_heads") {
    how.num_heads = read_value<int64_t>(node, where, "a whole number");
  } else if (key == "num_kv_heads") {
    how.num_kv_heads = read_value<int64_t>(node, where, "a whole number");
  } else if (key == "dropout") {
    how.dropout = read_number(node, where);
  } else {
    throw ModelError(where.place(node) + "unknown key '" + std::string(key) + "'" +
                     suggestion(key, keys()));
  }
}

toml::array to_toml(const std::vector<OpSpec>& specs) {
  toml::array array;
  for (const auto& op : specs) array.push_back(to_text(op));
  return array;
}

}  // namespace

std::string place_in_file(const toml::node& node, const std::string& path) {
  const auto& source = node.source();
  std::string text;
  if (source.path) text += *source.path + ":";
  if (source.begin.line)
    text += (text.empty() ? "line " : "") + std::to_string(source.begin.line) + ":";
  return text + (text.empty() ? "" : " ") + path;
}

Attention read_attention(const toml::node& node, std::string_view path, const PlaceOf& place_of) {
  const Where where{std::string(path), place_of};
  try {
    if (const auto* text = node.as_string()) return Attention::parse(text->get());
    const auto* table = node.as_table();
    if (!table)
      throw ModelError(where.place(node) + "expected a table or a line of text, given a TOML " +
                       describe(node));
    Attention how;
    for (const auto& [key, value] : *table)
      read_key(how, key.str(), value, {where.path + "." + std::string(key.str()), place_of});
    how.check();
    if (how.num_kv_heads == how.num_heads) how.num_kv_heads = 0;
    return how;
  } catch (const UsageError& e) {
    throw ModelError(where.place(node) + e.what());
  }
}

toml::table to_toml(const Attention& how) {
  toml::table table{{"score", to_text(how.score)},
                    {"position", to_text(how.position)},
                    {"modifiers", to_toml(how.modifiers)},
                    {"masks", to_toml(how.masks)},
                    {"normalizer", to_text(how.normalizer)},
                    {"merge", to_text(how.merge)},
                    {"num_heads", how.num_heads},
                    {"dropout", how.dropout}};
  if (how.num_kv_heads) table.insert("num_kv_heads", how.num_kv_heads);
  return table;
}

}  // namespace heed::ops
