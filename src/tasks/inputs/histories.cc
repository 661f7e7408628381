#include "tasks/inputs/histories.h"

#include <algorithm>
#include <numeric>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/data/times.h"

namespace heed {
namespace {

/// Counts items that training does not know, or refuses them.
class UnknownItems {
 public:
  UnknownItems(const data::Records& records, const ItemsState& state)
      : records_(records), state_(state) {}

  int64_t number(const std::string& item, int64_t record) {
    const auto found = state_.number_of.find(item);
    if (found != state_.number_of.end()) return found->second;
    if (count_++ == 0) first_ = records_.place(record), item_ = item;
    return -1;
  }

  /// Throws where there was one and the options refuse it.
  int64_t count() const {
    if (count_ == 0 || state_.options.unseen == UnseenItems::leave_out) return count_;
    const auto near = nearest_name(item_, state_.items);
    throw DataError(first_ + ": training knows no item '" + item_ + "'" +
                    (near.empty() ? "" : ", did you mean '" + near + "'?") +
                    (count_ > 1 ? "; " + std::to_string(count_) + " events have such items" : "") +
                    "; correct it, or set input.unseen = \"leave_out\"");
  }

 private:
  const data::Records& records_;
  const ItemsState& state_;
  int64_t count_ = 0;
  std::string first_, item_;
};

/// Leaves items out that training does not know, except for a target. Times go with them.
void leave_unknown_out(History& history, bool has_target) {
  const size_t count = history.items.size();
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    if (history.items[i] < 0 && !(has_target && i + 1 == count)) continue;
    history.items[kept] = history.items[i];
    if (!history.times.empty()) history.times[kept] = history.times[i];
    ++kept;
  }
  history.items.resize(kept);
  if (!history.times.empty()) history.times.resize(kept);
}

/// How many of a user's `count` events the role has; 0: the user is of other roles alone.
int64_t events_of_role(int64_t count, const std::string& role, bool leave_one_out) {
  if (!leave_one_out || role == "input") return count;
  if (role == "train") return count < 3 ? count : count - 2;
  if (count < 3) return 0;
  return role == "valid" ? count - 1 : count;
}

std::string expected_events(const std::string& role, bool leave_one_out) {
  if (role == "input") return "expected an event";
  if (leave_one_out && role != "train") return "expected at least 3 events of one user";
  return std::string("expected at least 2 events of one user") +
         (leave_one_out ? ", or 4, of which the last two are for valid and test" : "");
}

void count_target(const History& history, const ItemsState& state, HistoryFacts& facts) {
  const int64_t target = history.items.back();
  if (target < 0) return;
  if (!state.learned.empty() && !state.learned[static_cast<size_t>(target)]) ++facts.never_learned;
  facts.repeated +=
      std::find(history.items.begin(), history.items.end() - 1, target) != history.items.end() - 1;
}

std::vector<int64_t> times_of(const data::Records& records, const std::string& column) {
  if (column.empty()) return {};
  std::vector<int64_t> all(static_cast<size_t>(records.size()));
  std::iota(all.begin(), all.end(), int64_t{0});
  return data::read_times(records, records.column(column), all).values;
}

}  // namespace

data::Events events_of(const data::Records& records, const std::string& role,
                       const ItemsInputOptions& options) {
  auto own = options.events;
  if (role == "input" || (role != "train" && !options.leave_one_out)) own.min_count = 1;
  return data::read_events(records, own);
}

HistorySplit::Parts histories_of(const data::RecordsPtr& records, const std::string& role,
                                 const ItemsState& state) {
  const auto& options = state.options;
  const auto events = events_of(*records, role, options);
  const auto times = times_of(*records, options.events.time);
  UnknownItems unknown(*records, state);
  HistorySplit::Parts parts{{}, role != "input", records, {}};
  const size_t least = parts.has_target ? 2 : 1;
  for (int64_t user = 0; user < events.users(); ++user) {
    const auto items = events.of(user);
    const int64_t first = events.first[static_cast<size_t>(user)];
    const int64_t count = events_of_role(std::ssize(items), role, options.leave_one_out);
    History history{events.user_names[static_cast<size_t>(user)], 0, {}, {}};
    for (int64_t i = 0; i < count; ++i) {
      history.record = events.records[static_cast<size_t>(first + i)];
      history.items.push_back(unknown.number(
          events.item_names[static_cast<size_t>(items[static_cast<size_t>(i)])], history.record));
      if (!times.empty()) history.times.push_back(times[static_cast<size_t>(history.record)]);
    }
    leave_unknown_out(history, parts.has_target);
    parts.facts.events += std::ssize(history.items);
    if (history.items.size() < least) {
      if (role == "input")
        throw DataError(records->place(history.record) + ": the user '" + history.user +
                        "' has no item that training knows");
      if (parts.facts.short_users++ == 0) parts.facts.first_short = history.user;
      continue;
    }
    if (parts.has_target) count_target(history, state, parts.facts);
    parts.histories.push_back(std::move(history));
  }
  parts.facts.unseen = unknown.count();
  if (parts.histories.empty())
    throw DataError(records->name() + ": no user has an item before one that comes next; " +
                    expected_events(role, options.leave_one_out));
  return parts;
}

HistorySplit::Parts listed_histories(const data::RecordsPtr& records, const ItemsState& state) {
  const int64_t column = records->column(kListedItems);
  const bool is_list = records->columns()[static_cast<size_t>(column)].is_list;
  UnknownItems unknown(*records, state);
  HistorySplit::Parts parts{{}, false, records, {}};
  for (int64_t record = 0; record < records->size(); ++record) {
    History history{"", record, {}, {}};
    const auto add = [&](std::string_view item) {
      history.items.push_back(unknown.number(std::string(item), record));
    };
    if (is_list) {
      for (const auto item : records->list(record, column)) add(item);
    } else {
      auto rest = records->text(record, column);
      while (true) {
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
        if (rest.empty()) break;
        const auto item = rest.substr(0, rest.find_first_of(" \t"));
        add(item);
        rest.remove_prefix(item.size());
      }
    }
    parts.facts.unseen = unknown.count();
    leave_unknown_out(history, false);
    if (history.items.empty())
      throw DataError(records->place(record) + ": expected a user's items in order, given none" +
                      (parts.facts.unseen > 0 ? " that training knows" : ""));
    parts.facts.events += std::ssize(history.items);
    parts.histories.push_back(std::move(history));
  }
  return parts;
}

}  // namespace heed
