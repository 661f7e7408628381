// A recipe that is made, as TOML.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "heed/ops/attention.h"

namespace heed::pretrained {

/// Tables in the order in which they are begun; keys that are not set keep their defaults, and one that is set again
/// has its last value.
class RecipeText {
 public:
  /// Begins [name], or goes on with it.
  RecipeText& table(const std::string& name);
  RecipeText& set(const std::string& key, int64_t value);
  RecipeText& set(const std::string& key, double value);
  RecipeText& set(const std::string& key, bool value);
  RecipeText& set(const std::string& key, const std::string& value);
  RecipeText& set(const std::string& key, const char* value) {
    return set(key, std::string(value));
  }
  RecipeText& set(const std::string& key, const Attention& value);
  RecipeText& set(const std::string& key, const std::vector<std::string>& values);
  RecipeText& set(const std::string& key, const std::vector<int64_t>& values);
  RecipeText& set(const std::string& key, const std::vector<double>& values);

  /// As TOML; "" where it was not set.
  std::string value(const std::string& table, const std::string& key) const;
  std::string text() const;

 private:
  struct Table {
    std::string name;
    std::vector<std::pair<std::string, std::string>> values = {};
  };
  RecipeText& put(const std::string& key, std::string value);
  std::vector<Table> tables_;
  size_t at_ = 0;
};

}  // namespace heed::pretrained
