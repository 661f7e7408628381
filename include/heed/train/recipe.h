// Recipes: TOML files that say everything about a run. Options structs tell their fields
// (core/fields.h); this reads them from a recipe, lists them and writes them back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/ops/attention.h"

namespace heed {

/// A recipe as it stands in its file, with changes from the command line. A value: what is set in
/// one stays as it was in its copies.
class RecipeFile {
 public:
  static constexpr uint64_t kMostBytes = uint64_t{64} << 20;

  /// Throws FileError, also for more than kMostBytes, ModelError (file:line, what is wrong) for
  /// what is not TOML.
  static RecipeFile read(const std::filesystem::path& file);
  /// The same from text; `name` stands in messages.
  static RecipeFile parse(std::string_view text, const std::string& name);

  /// "train.epochs=3": sets a key before the recipe is read. The value is TOML, or else a string.
  /// Throws UsageError where there is no '=' or the path leads through something that is no table;
  /// the recipe is then as it was.
  void set(std::string_view assignment);

  /// Takes a key away, as if the recipe left it out; one that is not there stays away.
  void erase(const std::string& path);

  /// The string under a key of the top level. Throws ModelError where it is missing or no string.
  std::string text_at(const std::string& key) const;

  const std::string& name() const;
  /// Every value by its path, as TOML.
  std::map<std::string, std::string> values() const;

 private:
  friend class FieldReader;
  struct Document;
  RecipeFile() = default;
  std::shared_ptr<const Document> document_;  ///< shared by copies, so it never changes
};

/// Fills an options struct from a recipe; what the recipe leaves out keeps its default. An unknown
/// key (with the nearest known one), a wrong type, a number out of its bounds, an unknown word, or
/// what the struct's own check() refuses is a problem with file and line; all of them are found,
/// and the last leave() throws one ModelError.
class FieldReader {
 public:
  explicit FieldReader(const RecipeFile& file);
  ~FieldReader();

  /// Asked for the path of each unknown key, what the message says of it in place of the nearest
  /// name; "" where it knows nothing.
  void explain_unknown(std::function<std::string(const std::string& path)> explain);

  void operator()(const char* name, bool& field, const char* help);
  void operator()(const char* name, int64_t& field, const char* help, const Bounds& bounds);
  void operator()(const char* name, double& field, const char* help, const Bounds& bounds);
  void operator()(const char* name, std::string& field, const char* help);
  void operator()(const char* name, std::string& field, const char* help, const OneOf& words);
  void operator()(const char* name, std::vector<int64_t>& field, const char* help, const Bounds&);
  void operator()(const char* name, std::vector<double>& field, const char* help, const Bounds&);
  /// A list of names, of which none may stand twice. A string alone is a list of one.
  void operator()(const char* name, std::vector<std::string>& field, const char* help);
  void operator()(const char* name, std::vector<std::string>& field, const char* help, MayRepeat);
  void operator()(const char* name, Attention& field, const char* help);
  template <EnumWithWords E>
  void operator()(const char* name, E& field, const char* help) {
    std::string word = word_of(field);
    (*this)(name, word, help, words_of<E>());
    field = from_word<E>(word).value();
  }

  template <class T, class... Rule>
  void operator()(const char* name, std::optional<T>& field, const char* help, Rule... rule) {
    if (has(name)) (*this)(name, field.emplace(), help, rule...);
  }
  template <HasFields T>
  void operator()(const char* name, T& field, const char*) {
    enter(name);
    read(field);
    leave();
  }

  /// One table, or an array of tables ([[name]]), each of which is then told that it has a name.
  template <HasFields T>
  void operator()(const char* name, std::vector<T>& field, const char*) {
    const size_t count = tables(name);
    field.resize(count == 0 ? 1 : count);
    for (size_t i = 0; i < field.size(); ++i) {
      field[i].has_name = count > 0;
      enter(name, count == 0 ? -1 : static_cast<int64_t>(i));
      read(field[i]);
      leave();
    }
  }

  /// The fields of the table at hand, then what its own check() refuses.
  template <HasFields T>
  void read(T& options) {
    options.fields(*this);
    if constexpr (requires { options.check(); }) {
      try {
        options.check();
      } catch (const Error& error) {
        refuse_table(error.what());
      }
    }
  }

  /// Refuses the keys of the table at hand that no field has asked for, and ends it. At the end of
  /// the outermost table throws what was found.
  void leave();

 private:
  struct Impl;
  bool has(const char* name);
  void refuse_table(const std::string& message);
  /// Tables of an array of tables; 0: there is no array.
  size_t tables(const char* name);
  /// The table, or the i-th of an array of tables.
  void enter(const char* name, int64_t i = -1);
  std::unique_ptr<Impl> impl_;
};

/// One field of a recipe.
struct RecipeEntry {
  std::string path;   ///< "train.optimizer.lr"
  std::string value;  ///< TOML
  std::string help;
  std::optional<Bounds> bounds = {};    ///< of a number, and of each of several
  std::vector<std::string> words = {};  ///< of which it must be one; empty: any
};

/// Lists every field with its value, in the order in which the struct tells them.
class FieldLister {
 public:
  void operator()(const char* name, bool field, const char* help);
  void operator()(const char* name, int64_t field, const char* help, const Bounds& bounds);
  void operator()(const char* name, double field, const char* help, const Bounds& bounds);
  void operator()(const char* name, const std::string& field, const char* help);
  void operator()(const char* name, const std::string& field, const char* help, const OneOf& words);
  void operator()(const char* name, const Attention& field, const char* help);
  template <EnumWithWords E>
  void operator()(const char* name, const E& field, const char* help) {
    (*this)(name, std::string(word_of(field)), help);
    entries.back().words = words_of<E>().words;
  }

  void operator()(const char* name, const std::vector<std::string>& field, const char* help,
                  MayRepeat) {
    (*this)(name, field, help);
  }
  template <class T, class... Rule>
  requires(!HasFields<T>) void operator()(const char* name, const std::vector<T>& field,
                                          const char* help, const Rule&... bounds) {
    std::string text = "[";
    for (const T& item : field) text += (text.size() > 1 ? ", " : "") + to_toml(item);
    add(name, text + "]", help);
    entries.back().bounds = std::optional<Bounds>(bounds...);
  }
  template <class T, class... Rule>
  void operator()(const char* name, std::optional<T>& field, const char* help, Rule... rule) {
    if (field) (*this)(name, *field, help, rule...);
  }
  template <HasFields T>
  void operator()(const char* name, T& field, const char*) {
    const std::string outer = prefix_;
    prefix_ += name + std::string(".");
    field.fields(*this);
    prefix_ = outer;
  }
  template <HasFields T>
  void operator()(const char* name, std::vector<T>& field, const char*) {
    const std::string outer = prefix_;
    for (size_t i = 0; i < field.size(); ++i) {
      prefix_ += name + (field[i].has_name ? "[" + std::to_string(i) + "]." : std::string("."));
      field[i].fields(*this);
      prefix_ = outer;
    }
  }

  std::vector<RecipeEntry> entries;

 private:
  static std::string to_toml(int64_t value);
  static std::string to_toml(double value);
  static std::string to_toml(const std::string& value);
  void add(const char* name, std::string value, const char* help);
  std::string prefix_;
};

/// Reads the whole recipe as a T.
template <HasFields T>
T read_recipe(const RecipeFile& file) {
  T recipe;
  FieldReader reader(file);
  reader.read(recipe);
  reader.leave();
  return recipe;
}

/// Every field of a recipe.
template <HasFields T>
std::vector<RecipeEntry> list_fields(T recipe) {
  FieldLister lister;
  recipe.fields(lister);
  return std::move(lister.entries);
}

/// The complete recipe as TOML, each key with its help as a comment. Reading it back gives the same
/// values.
std::string to_toml(const std::vector<RecipeEntry>& entries);

/// A key whose value differs, as TOML; "not there" where a recipe lacks it.
struct RecipeChange {
  std::string path, was, is;
};

/// The keys in `free_to_differ` that differ; a name that ends in '.' stands for all keys below it.
/// Throws ModelError that names the first other key whose value differs.
std::vector<RecipeChange> check_same_recipe(const RecipeFile& before, const RecipeFile& now,
                                            const std::vector<std::string>& free_to_differ);

}  // namespace heed
