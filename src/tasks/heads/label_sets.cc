#include "tasks/heads/label_sets.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed {
namespace {

std::vector<std::string> parted(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  if (text.find_first_not_of(' ') == std::string::npos) return parts;
  for (size_t from = 0; from != std::string::npos;) {
    const size_t end = text.find(separator, from);
    auto part = text.substr(from, end == std::string::npos ? end : end - from);
    part.erase(0, std::min(part.find_first_not_of(' '), part.size()));
    part.erase(part.find_last_not_of(' ') + 1);
    parts.push_back(std::move(part));
    from = end == std::string::npos ? end : end + separator.size();
  }
  return parts;
}

}  // namespace

std::vector<std::string> labels_of(const Split& split, int64_t example, const std::string& column,
                                   const std::string& separator) {
  auto labels = split.is_list(column) ? split.values(example, column)
                                      : parted(split.value(example, column), separator);
  std::sort(labels.begin(), labels.end());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].empty())
      throw DataError(split.place(example) + ": the column '" + column + "' has an empty label");
    if (i > 0 && labels[i] == labels[i - 1])
      throw DataError(split.place(example) + ": the column '" + column + "' has the label '" +
                      labels[i] + "' twice");
  }
  return labels;
}

LabelSets LabelSets::of(const Split& train, const std::string& column,
                        const std::string& separator) {
  std::map<std::string, int64_t> counts;
  std::map<std::vector<std::string>, int64_t> sets;
  for (int64_t i = 0; i < train.size(); ++i) {
    const auto labels = labels_of(train, i, column, separator);
    for (const auto& label : labels) ++counts[label];
    ++sets[labels];
  }
  if (counts.empty())
    throw DataError("the column '" + column + "' of the training data has no label");
  std::vector<std::string> names;
  std::vector<int64_t> of_names;
  for (const auto& [name, count] : counts) names.push_back(name), of_names.push_back(count);
  const auto most = std::max_element(
      sets.begin(), sets.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return {Classes(std::move(names), std::move(of_names)), most->first};
}

std::vector<int64_t> LabelSets::row(const std::vector<std::string>& of,
                                    const std::string& place) const {
  std::vector<int64_t> row(static_cast<size_t>(labels.size()));
  for (const auto& label : of) {
    const int64_t number = labels.number(label);
    if (number < 0)
      throw DataError(place + ": the label '" + label + "' is none of the training data's" +
                      suggestion(label, labels.names()));
    row[static_cast<size_t>(number)] = 1;
  }
  return row;
}

std::string LabelSets::file() const {
  return nlohmann::ordered_json{{"labels", labels.names()},
                                {"counts", labels.counts()},
                                {"most_frequent", most_frequent}}
             .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

LabelSets LabelSets::from_file(const Files& files, const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end()) throw ModelError("the model folder lacks its labels, the file " + name);
  const JsonObject json(found->second, name);
  LabelSets sets{Classes::from_json(json, "labels"), json.texts("most_frequent")};
  for (const auto& label : sets.most_frequent)
    if (sets.labels.number(label) < 0)
      json.refuse("most_frequent", "'" + label + "' is none of the labels");
  return sets;
}

}  // namespace heed
