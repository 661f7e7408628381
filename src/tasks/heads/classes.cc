#include "tasks/heads/classes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"

namespace heed {

Classes::Classes(std::vector<std::string> names, std::vector<int64_t> counts)
    : names_(std::move(names)), counts_(std::move(counts)) {
  for (size_t i = 0; i < names_.size(); ++i) number_of_[names_[i]] = static_cast<int64_t>(i);
}

Classes Classes::of(const Split& train, const std::string& column) {
  std::map<std::string, int64_t> counts;
  for (int64_t i = 0; i < train.size(); ++i) {
    const auto value = train.value(i, column);
    if (value.empty())
      throw DataError(train.place(i) + ": the column '" + column +
                      "' is empty; every example that is learned from needs a class");
    ++counts[value];
  }
  auto names = train.categories(column);
  if (names.empty())
    for (const auto& [name, count] : counts) names.push_back(name);
  if (names.size() < 2)
    throw DataError("the column '" + column + "' of the training data has one class only, '" +
                    (names.empty() ? "" : names.front()) + "'; a classifier needs at least two");
  std::vector<int64_t> of_names;
  for (const auto& name : names) of_names.push_back(counts[name]);
  return {std::move(names), std::move(of_names)};
}

int64_t Classes::most_frequent() const {
  return std::max_element(counts_.begin(), counts_.end()) - counts_.begin();
}

int64_t Classes::number(const std::string& name) const {
  const auto found = number_of_.find(name);
  return found == number_of_.end() ? -1 : found->second;
}

std::string Classes::file() const {
  return nlohmann::ordered_json{{"classes", names_}, {"counts", counts_}}.dump(
             1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

Classes Classes::from_file(const Files& files, const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError("the model folder lacks its classes, the file " + name);
  const JsonObject json(found->second, name);
  return from_json(json, "classes");
}

Classes Classes::from_json(const JsonObject& json, const std::string& key) {
  Classes classes(json.texts(key), json.integers("counts", between(0, kMostSeed)));
  if (classes.names_.size() != classes.counts_.size())
    json.refuse(key, "names and counts differ in number");
  if (classes.number_of_.size() != classes.names_.size()) json.refuse(key, "a name stands twice");
  return classes;
}

}  // namespace heed
