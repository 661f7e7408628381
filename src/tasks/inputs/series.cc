// Series of numbers over time, cut into windows.
#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "tasks/inputs.h"
#include "tasks/inputs/series_facts.h"
#include "tasks/inputs/series_stream.h"

namespace heed {
namespace {

constexpr const char* kSeriesFile = "series.json";
constexpr const char* kSeriesInput = "input.kind: the input 'series'";

class SeriesInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    SeriesInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override { return open_part(source); }

  void learn(const Split& train, uint64_t) override {
    const auto& split = series_split(train, kSeriesInput);
    const auto& options = state_->options;
    if (options.standardize == Standardize::columns) {
      std::tie(state_->mean, state_->std) =
          series_scale(split, &SeriesRows::values, state_->columns);
    } else {
      state_->mean.assign(state_->columns.size(), 0), state_->std.assign(state_->columns.size(), 1);
    }
    std::tie(state_->known_mean, state_->known_std) =
        series_scale(split, &SeriesRows::known, options.known);
  }

  Files files() const override {
    return {{kSeriesFile, nlohmann::ordered_json{{"columns", state_->columns},
                                                 {"mean", state_->mean},
                                                 {"std", state_->std},
                                                 {"known_mean", state_->known_mean},
                                                 {"known_std", state_->known_std}}
                                  .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
                              "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kSeriesFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks the scale of its series, the file ") +
                       kSeriesFile);
    const JsonObject json(found->second, kSeriesFile);
    state_->columns = json.texts("columns");
    state_->mean = json.numbers("mean"), state_->std = json.numbers("std");
    state_->known_mean = json.numbers("known_mean"), state_->known_std = json.numbers("known_std");
    const size_t C = state_->columns.size(), K = state_->options.known.size();
    if (C == 0 || state_->mean.size() != C || state_->std.size() != C ||
        state_->known_mean.size() != K || state_->known_std.size() != K)
      throw ModelError(std::string(kSeriesFile) +
                       ": columns, means and deviations differ in number");
  }

  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t) const override;
  std::unique_ptr<Stream> record_stream(const std::vector<std::string>& inputs,
                                        const data::RecordOptions& records) const override {
    return make_series_stream(inputs, records, state_,
                              [this](const data::RecordsPtr& all) { return open_to_answer(all); });
  }
  SplitPtr find_record(const std::string& input, const data::RecordOptions& records) const override;

  bool parts_training_data() const override { return !state_->options.borders.empty(); }
  Sizes sizes() const override {
    const auto& options = state_->options;
    return {{"series",
             {state_->channels(), options.look_back, state_->known(),
              state_->known() > 0 ? options.horizon : 0, state_->observed(), options.horizon}}};
  }
  std::string default_encoder() const override { return "series"; }
  const char* unit() const override { return "windows"; }
  Metrics stats(const Split& split) const override;
  DataReport examine(const Source& source) override;
  Batch example() const override;

 private:
  using SeriesSplitPtr = std::shared_ptr<const SeriesSplit>;
  SeriesSplitPtr open_part(const Source& source);
  SeriesSplitPtr open_to_answer(const data::RecordsPtr& records) const;
  void take_columns(const std::vector<SeriesRows>& rows, bool first) const;
  void refuse_empty(const Source& source, const std::vector<SeriesRows>& rows) const;

  std::shared_ptr<SeriesState> state_ = std::make_shared<SeriesState>();
};

void SeriesInput::take_columns(const std::vector<SeriesRows>& rows, bool first) const {
  if (rows.empty()) throw DataError("no series");
  if (first) return;
  const auto& columns = rows.front().facts.columns;
  if (columns == state_->columns) return;
  const auto listed = [](const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  throw DataError(rows.front().place(0) + ": expected the columns of values that were learned: " +
                  listed(state_->columns) + "; given " + listed(columns) +
                  "; name them in input.values where a file has more");
}

void SeriesInput::refuse_empty(const Source& source, const std::vector<SeriesRows>& rows) const {
  int64_t most = 0;
  for (const auto& series : rows) {
    const auto [first, last] = rows_of_part(state_->options, source.role, series.size());
    most = std::max(most, last - first);
  }
  throw DataError(source.called() + ": no series is long enough for a window: the longest of " +
                  std::to_string(rows.size()) + ", in " + rows.front().facts.name + ", has " +
                  std::to_string(most) +
                  " rows in this part, expected input.look_back + "
                  "input.horizon = " +
                  std::to_string(state_->options.look_back) + " + " +
                  std::to_string(state_->options.horizon) +
                  " (rows before the part count as look_back)");
}

SeriesInput::SeriesSplitPtr SeriesInput::open_part(const Source& source) {
  const auto& role = source.role;
  const auto& records = source.records;
  if (role == "input") return open_to_answer(records);
  const auto& options = state_->options;
  auto rows = std::make_shared<std::vector<SeriesRows>>(read_series_rows(records, options, false));
  if (role == "train" && !rows->empty()) state_->columns = rows->front().facts.columns;
  take_columns(*rows, role == "train");
  std::vector<SeriesWindow> windows;
  const bool every_row = role == "test" && options.answer == SeriesAnswer::rows;
  const int64_t stride = role == "train" ? options.stride : 1;
  for (size_t i = 0; i < rows->size(); ++i) {
    const auto& series = (*rows)[i];
    check_steps(series, options);
    const auto [first, last] = rows_of_part(options, role, series.size());
    int64_t row = every_row ? 0 : std::max(first, options.look_back);
    for (; row + options.horizon <= last; row += stride)
      windows.push_back({static_cast<int64_t>(i), row});
  }
  if (windows.empty()) refuse_empty(source, *rows);
  return std::make_shared<SeriesSplit>(std::move(rows), std::move(windows), state_);
}

SeriesInput::SeriesSplitPtr SeriesInput::open_to_answer(const data::RecordsPtr& records) const {
  const auto& options = state_->options;
  auto rows = std::make_shared<std::vector<SeriesRows>>(read_series_rows(records, options, true));
  take_columns(*rows, false);
  std::vector<SeriesWindow> windows;
  for (size_t i = 0; i < rows->size(); ++i) {
    const auto& series = (*rows)[i];
    check_steps(series, options);
    if (options.answer == SeriesAnswer::rows) {
      for (int64_t row = 0; row < series.size(); ++row)
        windows.push_back({static_cast<int64_t>(i), row});
      continue;
    }
    if (series.size() < options.look_back)
      throw DataError(
          series.place(series.size()) + ": the series " + series.facts.name + " has " +
          std::to_string(series.size()) +
          " rows, expected at least input.look_back = " + std::to_string(options.look_back));
    windows.push_back({static_cast<int64_t>(i), series.size()});
  }
  return std::make_shared<SeriesSplit>(std::move(rows), std::move(windows), state_);
}

/// The last windows of each series; those before, whose rows they forecast, are in neither part.
std::pair<SplitPtr, SplitPtr> SeriesInput::hold_out(const SplitPtr& train, double fraction,
                                                    uint64_t) const {
  const auto& split = series_split(*train, kSeriesInput);
  std::vector<int64_t> last(split.rows().size(), 0), first(split.rows().size(), -1);
  for (const auto& [series, row] : split.windows()) {
    const auto i = static_cast<size_t>(series);
    if (first[i] < 0) first[i] = row;
    last[i] = row + 1;
  }
  std::vector<SeriesWindow> rest, held;
  for (const auto& window : split.windows()) {
    const auto i = static_cast<size_t>(window.series);
    const auto rows = static_cast<double>(last[i] - first[i]);
    const auto border = last[i] - std::llround(fraction * rows);
    if (window.row >= border)
      held.push_back(window);
    else if (window.row + state_->options.horizon <= border)
      rest.push_back(window);
  }
  if (rest.empty() || held.empty())
    throw DataError("data.holdout: of " + std::to_string(split.size()) + " windows " +
                    std::to_string(rest.size()) + " are learned from and " +
                    std::to_string(held.size()) +
                    " held out, those that overlap both left out; expected one of each at least");
  return {split.with(std::move(rest)), split.with(std::move(held))};
}

SplitPtr SeriesInput::find_record(const std::string& input,
                                  const data::RecordOptions& records) const {
  const size_t colon = input.rfind(':');
  const bool numbered = colon != std::string::npos && colon + 1 < input.size() &&
                        input.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  const auto file = numbered ? input.substr(0, colon) : input;
  const auto split = open_to_answer(data::open_records({file}, records));
  if (!numbered) return split->with({split->windows().back()});
  for (size_t i = 0; i < split->rows().size(); ++i) {
    const auto& series = split->rows()[i];
    for (int64_t row = 0; row < series.size(); ++row) {
      if (!series.place(row).ends_with(input.substr(colon))) continue;
      if (row < state_->options.look_back)
        throw UsageError(
            input + ": " + std::to_string(row) +
            " rows of the series stand before it, expected at least input.look_back = " +
            std::to_string(state_->options.look_back));
      return split->with({{static_cast<int64_t>(i), row}});
    }
  }
  throw UsageError(input + ": no record of the file begins in line " + input.substr(colon + 1));
}

Metrics SeriesInput::stats(const Split& part) const {
  const auto& split = series_split(part, kSeriesInput);
  double rows = 0, used = 0, missing = 0;
  for (const auto& [first, last] : split.covered())
    used += last > 0, rows += static_cast<double>(last - first);
  for (const auto& series : split.rows()) missing += series.facts.missing.sum().item<double>();
  Metrics stats{{"series", used}, {"rows", rows}};
  const auto all = static_cast<double>(split.rows().size());
  if (all > used) stats.emplace_back("series that are too short for a window", all - used);
  if (missing > 0) stats.emplace_back("missing values", missing);
  return stats;
}

DataReport SeriesInput::examine(const Source& source) {
  return report_of(read_series_rows(source.records, state_->options, false), state_->options);
}

Batch SeriesInput::example() const {
  const auto& options = state_->options;
  const int64_t C = state_->channels(), K = state_->known();
  Batch batch{{{"past", at::zeros({1, C, options.look_back})}}, at::zeros({1}, at::kLong)};
  auto& tensors = batch.tensors;
  if (state_->observed()) tensors["observed"] = at::ones({1, C, options.look_back}, at::kBool);
  if (K > 0) {
    tensors["past_known"] = at::zeros({1, K, options.look_back});
    tensors["future_known"] = at::zeros({1, K, options.horizon});
  }
  return batch;
}

}  // namespace

std::shared_ptr<Input> make_series_input() { return std::make_shared<SeriesInput>(); }

}  // namespace heed
