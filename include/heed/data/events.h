// What users did, in the order in which they did it: a user, an item, a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/records.h"

namespace heed::data {

/// Items are numbered by first appearance, or the most frequent first.
enum class ItemOrder { first, frequency };
constexpr std::array<const char*, 2> words(ItemOrder) { return {"first", "frequency"}; }

/// Which columns make an event; one table of a recipe. Files without a header have the columns "1",
/// "2", ... (RecordOptions).
struct EventOptions {
  std::string user = "user";
  std::string item = "item";
  std::string time = "";  ///< empty: the records' order
  ItemOrder order = ItemOrder::first;
  int64_t min_count = 1;  ///< users and items with fewer events are left out

  template <class Visitor>
  void fields(Visitor&& v) {
    v("user", user, "column of users");
    v("item", item, "column of items");
    v("time", time, "column of times; empty: the records' order");
    v("order", order, "items are numbered by first appearance, or the most frequent first");
    v("min_count", min_count,
      "users and items with fewer events are left out, until none has fewer (k-core)",
      between(1, kMostCount));
  }
};

/// What read_events counted.
struct EventFacts {
  int64_t events = 0;    ///< of all records, before anything was left out
  int64_t left_out = 0;  ///< events, by min_count
  int64_t left_out_users = 0, left_out_items = 0;
  int64_t ties = 0;          ///< events with the time of the user's event before them
  std::string first_tie;     ///< where the first stands
  int64_t single = 0;        ///< users with one event
  std::string first_single;  ///< the first of them
};

/// Events of user u: items[first[u]] .. items[first[u + 1] - 1], in time order.
struct Events {
  std::vector<std::string> user_names, item_names;  ///< by number, from 0
  std::vector<int64_t> first;                       ///< users + 1 numbers
  std::vector<int64_t> items;                       ///< item of each event
  std::vector<int64_t> records;                     ///< record of each event
  EventFacts facts;

  int64_t users() const { return static_cast<int64_t>(user_names.size()); }
  /// Throws UsageError for a user outside 0 .. users() - 1.
  std::span<const int64_t> of(int64_t user) const;
};

/// Groups events by user. Users are numbered by first appearance; a user's events stand in time
/// order, and those of equal times in the records' order. Of a user or item that is left out
/// nothing is kept but the count. Throws UsageError: an unknown order, min_count below 1.
/// DataError, with file, line and column: an empty user or item, what read_times throws; nothing
/// left by min_count. Cost: O(N log N).
Events read_events(const Records& records, const EventOptions& options = {});

/// A user's events apart: the last is for the test, the one before for validation, all before it
/// for training (Kang & McAuley 2018). A user with fewer than three is for training alone.
struct LeaveOneOut {
  std::vector<int64_t> train_end;  ///< of user u: training events are those before it in of(u)
  std::vector<int64_t> users;      ///< with an event for validation and one for the test
};
LeaveOneOut leave_one_out(const Events& events);

}  // namespace heed::data
