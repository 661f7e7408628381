// What users did, as examples: the items before, and the item that came next.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "heed/data/events.h"
#include "heed/tasks/input.h"

namespace heed {

/// Items that training does not know.
enum class UnseenItems { refuse, leave_out };
constexpr std::array<const char*, 2> words(UnseenItems) { return {"refuse", "leave_out"}; }

struct ItemsInputOptions {
  data::EventOptions events;
  int64_t max_length = 50;
  bool leave_one_out = true;
  UnseenItems unseen = UnseenItems::refuse;

  template <class Visitor>
  void fields(Visitor&& v) {
    events.fields(v);
    v("max_length", max_length, "items of a history that are read, the newest",
      between(1, kMostLength));
    v("leave_one_out", leave_one_out,
      "data.train is all there is: a user's last item is the test's, the last but one chooses the "
      "best model, those before are learned from; users with fewer than three are for training "
      "alone");
    v("unseen", unseen,
      "items that training does not know: refused, or left out of histories and missed where they "
      "come next");
  }
  void check() const {
    check_apart({{"user", {events.user}}, {"item", {events.item}}, {"time", {events.time}}});
  }
};

/// What splits share with their input.
struct ItemsState {
  ItemsInputOptions options;
  std::vector<std::string> items;  // by number
  std::unordered_map<std::string, int64_t> number_of;
  std::vector<bool> learned;  // items that training has; empty where a model was loaded

  void set_items(std::vector<std::string> names);
};

/// A user's items in the order of their times. Where it has a target that is the last, -1 for an
/// item that training does not know.
struct History {
  std::string user;
  int64_t record = 0;  // of the last item
  std::vector<int64_t> items, times = {};
};

/// What was met while histories were made.
struct HistoryFacts {
  int64_t events = 0;
  int64_t short_users = 0;  // without an item to predict
  std::string first_short;
  int64_t unseen = 0;         // events whose item training does not know
  int64_t never_learned = 0;  // targets that only valid and test have
  int64_t repeated = 0;       // targets that stand in their own history
};

class HistorySplit : public Split {
 public:
  struct Parts {
    std::vector<History> histories;
    bool has_target = false;
    data::RecordsPtr records;
    HistoryFacts facts;
  };
  HistorySplit(Parts parts, std::shared_ptr<const ItemsState> state);

  int64_t size() const override { return std::ssize(parts_.histories); }
  /// items (B, L), lengths (B), of the options' time column times (B, L) float64. For training next
  /// (B, L), -100 behind a history's end. Otherwise seen (B, S), all items of the history, -1
  /// behind its end, and target (B).
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override;
  Shown show(int64_t example) const override;
  int64_t length(int64_t example) const override;
  /// "user", "target".
  bool has(const std::string& column) const override;
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;
  /// "items": the whole history, with its target.
  std::vector<std::string> values(int64_t example, const std::string& column) const override;
  /// "items": all, by number.
  std::vector<std::string> categories(const std::string& column) const override;

  const HistoryFacts& facts() const { return parts_.facts; }

 private:
  const History& history(int64_t example) const {
    return parts_.histories.at(static_cast<size_t>(example));
  }
  /// Items before the target, all of them.
  int64_t before(int64_t example) const;
  std::string name(int64_t item) const;

  Parts parts_;
  std::shared_ptr<const ItemsState> state_;
};

/// The histories of a part of the data: "train", "valid", "test", or "input", whose users are
/// answered whatever they have. Throws DataError: an unknown item that options.unseen refuses, with
/// its place; nothing left.
HistorySplit::Parts histories_of(const data::RecordsPtr& records, const std::string& role,
                                 const ItemsState& state);

/// Records whose column "items" is a user's items in order: a list, or a text of names between
/// blanks.
HistorySplit::Parts listed_histories(const data::RecordsPtr& records, const ItemsState& state);

/// The events of a part of the data. min_count speaks of what is learned from and what is split.
data::Events events_of(const data::Records& records, const std::string& role,
                       const ItemsInputOptions& options);

inline constexpr const char* kListedItems = "items";
inline constexpr int64_t kNoTarget = -100;

}  // namespace heed
