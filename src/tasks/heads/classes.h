// The classes of a head: their names, and how often training had them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "heed/tasks/input.h"

namespace heed {

class JsonObject;

class Classes {
 public:
  Classes() = default;
  /// In the order of their numbers.
  Classes(std::vector<std::string> names, std::vector<int64_t> counts);
  /// The values of a column, in the split's own order or that of their bytes. Throws DataError for
  /// a missing value (its place), and for fewer than two classes.
  static Classes of(const Split& train, const std::string& column);

  int64_t size() const { return std::ssize(names_); }
  const std::vector<std::string>& names() const { return names_; }
  const std::string& name(int64_t i) const { return names_.at(static_cast<size_t>(i)); }
  /// Examples of training of each class.
  const std::vector<int64_t>& counts() const { return counts_; }
  int64_t most_frequent() const;
  /// -1: training had no such class.
  int64_t number(const std::string& name) const;

  std::string file() const;  ///< JSON
  /// Throw ModelError.
  static Classes from_file(const Files& files, const std::string& name);
  static Classes from_json(const JsonObject& json, const std::string& key);  ///< and "counts"

 private:
  std::vector<std::string> names_;
  std::vector<int64_t> counts_;
  std::map<std::string, int64_t> number_of_;
};

}  // namespace heed
