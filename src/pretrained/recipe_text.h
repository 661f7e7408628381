// A recipe that is made, as TOML.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/ops/attention.h"

namespace heed::pretrained {

/// Tables in the order in which they are begun; keys that are not set keep their defaults.
class RecipeText {
 public:
  /// Begins [name].
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

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace heed::pretrained
