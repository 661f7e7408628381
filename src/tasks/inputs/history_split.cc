#include <algorithm>

#include "heed/core/error.h"
#include "tasks/inputs/histories.h"

namespace heed {

void ItemsState::set_items(std::vector<std::string> names) {
  items = std::move(names);
  number_of.clear();
  for (size_t i = 0; i < items.size(); ++i) number_of.emplace(items[i], static_cast<int64_t>(i));
}

HistorySplit::HistorySplit(Parts parts, std::shared_ptr<const ItemsState> state)
    : parts_(std::move(parts)), state_(std::move(state)) {}

int64_t HistorySplit::before(int64_t example) const {
  return std::ssize(history(example).items) - (parts_.has_target ? 1 : 0);
}

int64_t HistorySplit::length(int64_t example) const {
  return std::min(before(example), state_->options.max_length);
}

std::string HistorySplit::name(int64_t item) const {
  return item < 0 ? "" : state_->items[static_cast<size_t>(item)];
}

std::string HistorySplit::place(int64_t example) const {
  return parts_.records->place(history(example).record);
}

Batch HistorySplit::batch(const std::vector<int64_t>& examples, const Draw& draw) const {
  int64_t longest = 0, most = 0;
  for (const int64_t example : examples) {
    longest = std::max(longest, length(example)), most = std::max(most, before(example));
  }
  const auto B = std::ssize(examples);
  const bool has_times = !history(examples.front()).times.empty();
  auto items = at::zeros({B, longest}, at::kLong),
       next = at::full({B, longest}, kNoTarget, at::kLong);
  auto seen = at::full({B, most}, -1, at::kLong);
  auto lengths = at::zeros({B}, at::kLong), target = at::zeros({B}, at::kLong);
  auto times = at::zeros({B, has_times ? longest : 0}, at::kDouble);
  for (int64_t row = 0; row < B; ++row) {
    const auto& all = history(examples[row]);
    const int64_t L = length(examples[row]), end = before(examples[row]), first = end - L;
    lengths.data_ptr<int64_t>()[row] = L;
    std::copy_n(all.items.begin() + first, L, items.data_ptr<int64_t>() + row * longest);
    std::copy_n(all.items.begin(), end, seen.data_ptr<int64_t>() + row * most);
    if (parts_.has_target) {
      std::copy_n(all.items.begin() + first + 1, L, next.data_ptr<int64_t>() + row * longest);
      target.data_ptr<int64_t>()[row] = all.items.back();
    }
    for (int64_t i = 0; has_times && i < longest; ++i) {  // padding has the last time
      times.data_ptr<double>()[row * longest + i] =
          static_cast<double>(all.times[first + std::min(i, L - 1)] - all.times[first]);
    }
  }
  Batch batch{{{"items", items}, {"lengths", lengths}}, at::tensor(examples, at::kLong)};
  if (has_times) batch.tensors["times"] = times;
  if (draw.training && parts_.has_target) batch.tensors["next"] = next;
  if (draw.training) return batch;
  batch.tensors["seen"] = seen;
  if (parts_.has_target) batch.tensors["target"] = target;
  return batch;
}

Shown HistorySplit::show(int64_t example) const {
  Shown shown;
  const int64_t end = before(example);
  for (int64_t i = end - length(example); i < end; ++i) {
    shown.tokens.push_back({name(history(example).items[static_cast<size_t>(i)])});
    shown.text += (shown.text.empty() ? "" : " ") + shown.tokens.back().text;
  }
  return shown;
}

bool HistorySplit::has(const std::string& column) const {
  return column == "user" || (column == "target" && parts_.has_target);
}

std::string HistorySplit::value(int64_t example, const std::string& column, const Draw&) const {
  if (!has(column))
    throw DataError(place(example) + ": histories have no column '" + column +
                    "'; known are 'user' and, where there is one, 'target'");
  return column == "user" ? history(example).user : name(history(example).items.back());
}

std::vector<std::string> HistorySplit::values(int64_t example, const std::string& column) const {
  if (column != kListedItems) return Split::values(example, column);
  std::vector<std::string> names;
  for (const int64_t item : history(example).items) names.push_back(name(item));
  return names;
}

std::vector<std::string> HistorySplit::categories(const std::string& column) const {
  return column == kListedItems ? state_->items : std::vector<std::string>{};
}

}  // namespace heed
