#include "tasks/heads/text_references.h"

#include <numeric>
#include <unordered_map>

#include "core/text.h"

namespace heed {

std::vector<int64_t> first_of_sources(const Split& split, const std::string& column) {
  std::vector<int64_t> first(static_cast<size_t>(split.size()));
  std::iota(first.begin(), first.end(), int64_t{0});
  if (column.empty()) return first;
  std::unordered_map<std::string, int64_t> known;
  for (auto& example : first) {
    const auto value = split.value(example, column);
    if (value.empty())
      throw DataError(split.place(example) + ": the column '" + column +
                      "', which head.references names, is empty; expected what says which texts "
                      "belong together");
    example = known.emplace(value, example).first->second;
  }
  return first;
}

void LearnedSources::learn(const Split& train, const std::string& column) {
  column_ = column;
  values_.clear();
  if (column.empty()) return;
  for (int64_t i = 0; i < train.size(); ++i) values_.insert(train.value(i, column));
}

void LearnedSources::check(const Split& measured) const {
  if (values_.empty()) return;
  for (int64_t i = 0; i < measured.size(); ++i) {
    const auto value = measured.value(i, column_);
    if (!values_.contains(value)) continue;
    throw DataError(text_of(
        measured.place(i), ": '", value, "' in the column '", column_,
        "' (head.references) is in the training data, too; take it out of one, or where a part is "
        "held out or a fold, set data.group = \"",
        column_, "\""));
  }
}

}  // namespace heed
