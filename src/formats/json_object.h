// JSON that stands in a model folder, read key by key: nothing is converted, and every complaint says
// file, key, what was expected and what was given.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heed/core/fields.h"

namespace heed {

/// An object; all functions throw ModelError where the key is missing or holds something else.
class JsonObject {
 public:
  /// Throws for a text that is no JSON object.
  JsonObject(std::string_view text, std::string file);

  bool has(const std::string& key) const;
  std::string text(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  std::map<std::string, std::string> map_of_texts(const std::string& key) const;
  int64_t integer(const std::string& key, const Bounds& bounds) const;
  std::vector<int64_t> integers(const std::string& key, const Bounds& bounds) const;
  /// Finite ones.
  double number(const std::string& key) const;
  std::vector<double> numbers(const std::string& key) const;
  /// Any number: those that are not finite stand as texts (train/json_number.h).
  double any_number(const std::string& key) const;
  std::vector<std::pair<std::string, double>> any_numbers(const std::string& key) const;
  bool flag(const std::string& key) const;
  JsonObject object(const std::string& key) const;
  std::vector<JsonObject> objects(const std::string& key) const;

  [[noreturn]] void refuse(const std::string& key, const std::string& message) const;

 private:
  struct Value;
  JsonObject(std::shared_ptr<const Value> value, std::string file, std::string path);
  /// What stands under the key, if it is as `good` says.
  template <class Good>
  const auto& get(const std::string& key, const std::string& expected, Good&& good) const;

  std::shared_ptr<const Value> value_;
  std::string file_, path_;  // path: of an object in another, "cursor."
};

/// The whole text is a list of whole numbers.
std::vector<int64_t> json_integers(std::string_view text, const std::string& file,
                                   const Bounds& bounds);

}  // namespace heed
