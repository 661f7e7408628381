#include "heed/data/events.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/data/times.h"

namespace heed::data {
namespace {

/// Numbers texts by first appearance.
class Numbers {
 public:
  int64_t of(std::string_view text) {
    const auto [at, is_new] = known_.emplace(text, static_cast<int64_t>(names_.size()));
    if (is_new) names_.emplace_back(text);
    return at->second;
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::unordered_map<std::string_view, int64_t> known_;  // texts of the records
  std::vector<std::string> names_;
};

struct Event {
  int64_t user, item, time, record;
};

std::vector<Event> all_events(const Records& records, const EventOptions& options, Numbers& users,
                              Numbers& items) {
  const int64_t user = records.column(options.user), item = records.column(options.item);
  std::vector<int64_t> all(static_cast<size_t>(records.size()));
  std::iota(all.begin(), all.end(), int64_t{0});
  Times times{TimeKind::number, all};
  if (!options.time.empty()) times = read_times(records, records.column(options.time), all);
  const auto text_at = [&](int64_t record, int64_t column) {
    const auto text = records.text(record, column);
    if (!text.empty()) return text;
    throw DataError(records.place(record) + ": column '" +
                    records.columns()[static_cast<size_t>(column)].name + "' is empty");
  };
  std::vector<Event> events;
  events.reserve(all.size());
  for (const int64_t record : all) {
    events.push_back({users.of(text_at(record, user)), items.of(text_at(record, item)),
                      times.values[static_cast<size_t>(record)], record});
  }
  return events;
}

std::vector<int64_t> counts_by(const std::vector<Event>& events, int64_t Event::*number,
                               size_t size) {
  std::vector<int64_t> counts(size);
  for (const auto& event : events) ++counts[static_cast<size_t>(event.*number)];
  return counts;
}

/// Leaves out users and items below min_count until none is.
void keep_core(std::vector<Event>& events, int64_t min_count, size_t users, size_t items) {
  for (size_t before = events.size() + 1; min_count > 1 && events.size() < before;) {
    before = events.size();
    const auto user_counts = counts_by(events, &Event::user, users);
    const auto item_counts = counts_by(events, &Event::item, items);
    std::erase_if(events, [&](const Event& event) {
      return user_counts[static_cast<size_t>(event.user)] < min_count ||
             item_counts[static_cast<size_t>(event.item)] < min_count;
    });
  }
}

/// New numbers for the names that `events` still have: by first appearance, or the most frequent
/// first and equal ones by first appearance.
std::vector<std::string> renumber(std::vector<Event>& events, int64_t Event::*number,
                                  const std::vector<std::string>& names, bool by_frequency) {
  const auto counts = counts_by(events, number, names.size());
  std::vector<size_t> kept;
  std::vector<bool> is_kept(names.size());
  for (const auto& event : events) {
    const auto old = static_cast<size_t>(event.*number);
    if (!is_kept[old]) kept.push_back(old);
    is_kept[old] = true;
  }
  if (by_frequency) {
    std::stable_sort(kept.begin(), kept.end(),
                     [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  }
  std::vector<int64_t> fresh(names.size(), -1);
  std::vector<std::string> result;
  for (const size_t old : kept) {
    fresh[old] = static_cast<int64_t>(result.size());
    result.push_back(names[old]);
  }
  for (auto& event : events) event.*number = fresh[static_cast<size_t>(event.*number)];
  return result;
}

void check_event_options(const EventOptions& options) {
  if (options.min_count < 1) {
    throw UsageError("events: min_count: expected at least 1, given " +
                     std::to_string(options.min_count));
  }
}

}  // namespace

std::span<const int64_t> Events::of(int64_t user) const {
  if (user < 0 || user >= users()) {
    throw UsageError("events: no user " + std::to_string(user) + "; expected 0 .. " +
                     std::to_string(users() - 1));
  }
  const auto u = static_cast<size_t>(user);
  return std::span(items).subspan(static_cast<size_t>(first[u]),
                                  static_cast<size_t>(first[u + 1] - first[u]));
}

Events read_events(const Records& records, const EventOptions& options) {
  check_event_options(options);
  Numbers users, items;
  auto all = all_events(records, options, users, items);
  Events events;
  auto& facts = events.facts;
  facts.events = static_cast<int64_t>(all.size());
  keep_core(all, options.min_count, users.names().size(), items.names().size());
  facts.left_out = facts.events - static_cast<int64_t>(all.size());
  if (all.empty()) {
    throw DataError(records.name() + ": events: min_count " + std::to_string(options.min_count) +
                    " leaves out all " + std::to_string(facts.events) + " events");
  }
  events.user_names = renumber(all, &Event::user, users.names(), false);
  events.item_names =
      renumber(all, &Event::item, items.names(), options.order == ItemOrder::frequency);
  facts.left_out_users = static_cast<int64_t>(users.names().size()) - events.users();
  facts.left_out_items = static_cast<int64_t>(items.names().size() - events.item_names.size());
  std::stable_sort(all.begin(), all.end(), [](const Event& a, const Event& b) {
    return a.user != b.user ? a.user < b.user : a.time < b.time;
  });
  for (size_t i = 0; i < all.size(); ++i) {
    const bool is_new = i == 0 || all[i].user != all[i - 1].user;
    if (is_new) events.first.push_back(static_cast<int64_t>(i));
    if (!is_new && all[i].time == all[i - 1].time && facts.ties++ == 0)
      facts.first_tie = records.place(all[i].record);
    const bool is_last = i + 1 == all.size() || all[i + 1].user != all[i].user;
    if (is_new && is_last && facts.single++ == 0)
      facts.first_single = events.user_names[static_cast<size_t>(all[i].user)];
    events.items.push_back(all[i].item);
    events.records.push_back(all[i].record);
  }
  events.first.push_back(static_cast<int64_t>(all.size()));
  return events;
}

LeaveOneOut leave_one_out(const Events& events) {
  LeaveOneOut split;
  for (int64_t user = 0; user < events.users(); ++user) {
    const auto count = static_cast<int64_t>(events.of(user).size());
    const bool has_test = count >= 3;
    split.train_end.push_back(has_test ? count - 2 : count);
    if (has_test) split.users.push_back(user);
  }
  return split;
}

}  // namespace heed::data
