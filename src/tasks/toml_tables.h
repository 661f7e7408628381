// Small TOML files that a user writes beside recipes: tables whose faults are named by file, line and key.
#pragma once

#include <toml++/toml.h>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/core/fields.h"

namespace heed {

/// A table of such a file.
class TomlTable {
 public:
  TomlTable(std::string file, std::string path, const toml::table& table)
      : file_(std::move(file)), path_(std::move(path)), table_(&table) {}

  /// Throws ModelError for keys other than these, with the nearest.
  void expect_keys(const std::vector<std::string>& known) const;
  bool has(const std::string& key) const;
  /// Throw ModelError for another type, and where there is no default for what is not there.
  std::string text(const std::string& key, const std::optional<std::string>& otherwise = {}) const;
  bool flag(const std::string& key, bool otherwise) const;
  double number(const std::string& key, const Bounds& bounds,
                const std::optional<double>& otherwise = {}) const;
  std::vector<std::string> texts(const std::string& key) const;
  std::vector<std::pair<std::string, std::string>> pairs(const std::string& key) const;
  /// The tables of [[key]]; none where it is not there.
  std::vector<TomlTable> tables(const std::string& key) const;
  /// Throws ModelError: "lists.toml:3: swap[0].pairs: MESSAGE"; an empty key: of the table.
  [[noreturn]] void refuse(const std::string& key, const std::string& message) const;

 private:
  [[noreturn]] void refuse_type(const std::string& key, const char* expected) const;
  const toml::node* find(const std::string& key) const;

  std::string file_, path_;
  const toml::table* table_;
};

/// A TOML file. Throws ModelError for what is none, FileError.
class TomlFile {
 public:
  TomlFile(std::string_view text, std::string name);
  static TomlFile read(const std::filesystem::path& file);
  TomlTable root() const { return {name_, "", table_}; }

 private:
  std::string name_;
  toml::table table_;
};

}  // namespace heed
