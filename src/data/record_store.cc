#include "data/record_store.h"

#include <algorithm>

#include "core/memory.h"
#include "heed/core/error.h"

namespace heed::data {

RecordStore::RecordStore(std::string name, uint64_t bytes) : name_(std::move(name)) {
  require_memory(bytes, available_memory(), name_);
  arena_.reserve(bytes);
}

void RecordStore::begin_file(const std::filesystem::path& file) {
  files_.push_back({file == "-" ? "standard input" : file.string(), size()});
}

int64_t RecordStore::add_column(const std::string& name, bool is_list) {
  columns_.push_back({name, is_list});
  auto& cells = cells_.emplace_back();
  cells.item.resize(lines_.size(), 0);
  if (is_list) cells.count.resize(lines_.size(), 0);
  return static_cast<int64_t>(columns_.size()) - 1;
}

void RecordStore::set_text(int64_t column, std::string_view text) {
  auto& cells = cells_[static_cast<size_t>(column)];
  cells.item.resize(lines_.size(), 0);
  cells.item.push_back(push(text));
}

void RecordStore::set_list(int64_t column, std::span<const std::string_view> items) {
  auto& cells = cells_[static_cast<size_t>(column)];
  cells.item.resize(lines_.size(), 0);
  cells.count.resize(lines_.size(), 0);
  cells.item.push_back(ends_.size());
  cells.count.push_back(static_cast<uint32_t>(items.size()));
  for (const auto item : items) {
    require_room(item.size());
    arena_ += item;
    ends_.push_back(arena_.size());
  }
}

void RecordStore::end_record(int64_t line) {
  if (lines_.size() == lines_.capacity()) {
    require_more(2 * lines_.size() * (columns_.size() + 1) * sizeof(uint64_t));
  }
  lines_.push_back(line);
  for (size_t i = 0; i < columns_.size(); ++i) {
    cells_[i].item.resize(lines_.size(), 0);
    if (columns_[i].is_list) cells_[i].count.resize(lines_.size(), 0);
  }
}

void RecordStore::pass_over(const std::string& what, const std::string& place) {
  for (auto& each : passed_over_) {
    if (each.what == what) {
      ++each.count;
      return;
    }
  }
  passed_over_.push_back({what, 1, place});
}

uint64_t RecordStore::push(std::string_view text) {
  if (text.empty()) return 0;
  require_room(text.size());
  arena_ += text;
  ends_.push_back(arena_.size());
  return ends_.size() - 1;
}

/// A vector or string that is full takes twice its memory: asked for before it does.
void RecordStore::require_room(size_t more) const {
  const bool arena_grows = arena_.size() + more > arena_.capacity();
  const bool ends_grow = ends_.size() == ends_.capacity();
  if (!arena_grows && !ends_grow) return;
  const uint64_t bytes = (arena_grows ? 2 * arena_.capacity() + more : 0) +
                         (ends_grow ? 2 * ends_.capacity() * sizeof(uint64_t) : 0);
  require_more(bytes);
}

void RecordStore::require_more(uint64_t bytes) const {
  constexpr uint64_t kWorthAsking = uint64_t{64} << 20;
  if (bytes > kWorthAsking) require_memory(bytes, available_memory(), name_);
}

std::string_view RecordStore::item(uint64_t number) const {
  if (number == 0) return {};
  return {arena_.data() + ends_[number - 1], ends_[number] - ends_[number - 1]};
}

void RecordStore::check(int64_t record) const {
  if (record < 0 || record >= size()) {
    throw UsageError(name_ + ": no record " + std::to_string(record) + "; expected 0 .. " +
                     std::to_string(size() - 1));
  }
}

const RecordStore::Cells& RecordStore::cells(int64_t record, int64_t column, bool is_list) const {
  check(record);
  if (column < 0 || column >= static_cast<int64_t>(columns_.size())) {
    throw UsageError(name_ + ": no column " + std::to_string(column) + "; expected 0 .. " +
                     std::to_string(columns_.size() - 1));
  }
  const auto& found = columns_[static_cast<size_t>(column)];
  if (found.is_list != is_list) {
    throw UsageError(name_ + ": column '" + found.name + "' holds " +
                     (is_list ? "a text; asked for a list" : "a list; asked for a text"));
  }
  return cells_[static_cast<size_t>(column)];
}

std::string_view RecordStore::text(int64_t record, int64_t column) const {
  return item(cells(record, column, false).item[static_cast<size_t>(record)]);
}

std::vector<std::string_view> RecordStore::list(int64_t record, int64_t column) const {
  const auto& found = cells(record, column, true);
  const uint64_t first = found.item[static_cast<size_t>(record)];
  std::vector<std::string_view> items(found.count[static_cast<size_t>(record)]);
  for (size_t i = 0; i < items.size(); ++i) items[i] = item(first + i);
  return items;
}

std::string RecordStore::place(int64_t record) const {
  check(record);
  const auto after = std::upper_bound(files_.begin(), files_.end(), record,
                                      [](int64_t r, const File& f) { return r < f.first_record; });
  return std::prev(after)->name + ":" + std::to_string(lines_[static_cast<size_t>(record)]);
}

}  // namespace heed::data
