// Events of users, in the order of their times, as histories of items.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "tasks/inputs.h"
#include "tasks/inputs/histories.h"
#include "tasks/record_stream.h"

namespace heed {
namespace {

constexpr const char* kItemsFile = "items.json";

std::string items_json(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

class ItemsInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    ItemsInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    if (source.role == "input") return to_answer(source);
    const bool is_train = source.role == "train";
    if (is_train) {
      state_->set_items(events_of(*source.records, source.role, options()).item_names);
      state_->learned.clear();
    }
    auto parts = histories_of(source.records, source.role, *state_);
    if (is_train) {
      state_->learned.assign(state_->items.size(), false);
      for (const auto& history : parts.histories)
        for (const int64_t item : history.items) state_->learned[static_cast<size_t>(item)] = true;
    }
    return std::make_shared<HistorySplit>(std::move(parts), state_);
  }

  Files files() const override {
    return {{kItemsFile, items_json({{"items", state_->items}}, 1) + "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kItemsFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks its items, the file ") + kItemsFile);
    state_->set_items(JsonObject(found->second, kItemsFile).texts("items"));
    if (state_->items.empty() || state_->number_of.size() != state_->items.size())
      throw ModelError(std::string(kItemsFile) + ": an item stands twice, or there is none");
  }

  bool parts_training_data() const override { return options().leave_one_out; }
  std::string line_column() const override { return kListedItems; }
  /// Where data.format says how files are read, .txt files are no lines of items either.
  std::unique_ptr<Stream> record_stream(const std::vector<std::string>& inputs,
                                        const data::RecordOptions& records) const override {
    if (records.format == data::RecordFormat::by_name ||
        std::any_of(inputs.begin(), inputs.end(), flows))
      return nullptr;
    return std::make_unique<RecordStream>(
        inputs, records, "", [this](const Source& source) { return to_answer(source); },
        records.format);
  }
  SplitPtr find_record(const std::string& input, const data::RecordOptions& records) const override;
  Sizes sizes() const override {
    Sizes sizes{{"items", {std::ssize(state_->items)}}, {"history", {options().max_length}}};
    if (!options().events.time.empty()) sizes["times"] = {1};
    return sizes;
  }
  std::string default_encoder() const override { return "items"; }

  Metrics stats(const Split& split) const override {
    const auto* histories = dynamic_cast<const HistorySplit*>(&split);
    if (!histories) return {};
    const auto& facts = histories->facts();
    Metrics stats{{"events", static_cast<double>(facts.events)}};
    const auto add = [&](const std::string& name, int64_t count) {
      if (count > 0) stats.emplace_back(name, static_cast<double>(count));
    };
    add("users without an item to predict, the first '" + facts.first_short + "'",
        facts.short_users);
    add("events of items that training does not know", facts.unseen);
    add("targets that are in no training history", facts.never_learned);
    add("targets that stand in their own history", facts.repeated);
    return stats;
  }

  DataReport examine(const Source& source) override {
    const auto events = events_of(*source.records, source.role, options());
    const auto& facts = events.facts;
    DataReport report;
    report.records = facts.events;
    nlohmann::ordered_json json;
    const auto add = [&](const char* key, int64_t count, const std::string& text) {
      json[key] = count;
      if (count > 0) report.lines.push_back(std::to_string(count) + " " + text);
    };
    add("events", facts.events, "events");
    add("left_out", facts.left_out,
        "of them left out by min_count, with " + std::to_string(facts.left_out_users) +
            " users and " + std::to_string(facts.left_out_items) + " items");
    add("users", events.users(), "users");
    add("items", std::ssize(events.item_names), "items");
    if (!options().events.time.empty())
      add("ties", facts.ties,
          "events at the time of the user's last one, first " + facts.first_tie);
    add("single", facts.single,
        (facts.single == 1 ? "user" : "users") + std::string(" with one event, the first '") +
            facts.first_single + "'");
    report.json = items_json(json);
    return report;
  }

  Batch example() const override {
    const int64_t L = options().max_length;
    Batch batch{{{"items", at::zeros({1, L}, at::kLong)}, {"lengths", at::full({1}, L, at::kLong)}},
                at::zeros({1}, at::kLong)};
    if (!options().events.time.empty()) batch.tensors["times"] = at::zeros({1, L}, at::kDouble);
    return batch;
  }

 private:
  const ItemsInputOptions& options() const { return state_->options; }
  SplitPtr to_answer(const Source& source) const;

  std::shared_ptr<ItemsState> state_ = std::make_shared<ItemsState>();
};

/// Events, or users with a list of items each.
SplitPtr ItemsInput::to_answer(const Source& source) const {
  const auto& columns = source.records->columns();
  const auto has = [&](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const auto& column) { return column.name == name; });
  };
  const bool is_listed = has(kListedItems) && !has(options().events.item);
  return std::make_shared<HistorySplit>(is_listed ? listed_histories(source.records, *state_)
                                                  : histories_of(source.records, "input", *state_),
                                        state_);
}

/// FILE:LINE of a file of events: the history of that line's user.
SplitPtr ItemsInput::find_record(const std::string& input,
                                 const data::RecordOptions& options) const {
  const auto file = input.substr(0, input.rfind(':'));
  if (options.format == data::RecordFormat::by_name || kind_of(file) != PathKind::file)
    return nullptr;
  const auto events = heed::find_record(input, options, "");
  const auto user = events.records->text(0, events.records->column(this->options().events.user));
  const auto all = to_answer({"input", {file}, data::open_records({file}, options)});
  for (int64_t i = 0; i < all->size(); ++i)
    if (all->value(i, "user") == user) return subset(all, {i});
  return nullptr;
}

}  // namespace

std::shared_ptr<Input> make_items_input() { return std::make_shared<ItemsInput>(); }

}  // namespace heed
