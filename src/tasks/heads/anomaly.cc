// Rows of a series that its past did not let expect: a score of each from the error of a forecast.
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "tasks/heads.h"
#include "tasks/heads/anomaly_scorer.h"
#include "tasks/heads/error_tail.h"
#include "tasks/heads/series_output.h"

namespace heed {
namespace {

constexpr const char* kAnomalyHead = "head.kind: the head 'anomaly'";
constexpr double kMostDeviations = 10;  // of an error in the loss

struct AnomalyHeadOptions {
  int64_t window = 8000, recent = 1, rest = 100;
  double threshold = 0.33, dropout = 0;
  std::string labels;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("window", window, "rows whose errors say what is usual",
      between(ErrorTail::kWarmUp + 1, kMostLength));
    v("recent", recent, "rows whose mean error is judged", between(1, kMostLength));
    v("rest", rest, "rows behind a score within which only a higher one is told",
      between(0, kMostLength));
    v("threshold", threshold,
      "scores from there on are alarms; s is a tail probability of 10^(-50 s) if errors were "
      "normal",
      Bounds{0, 1, true, false});
    v("dropout", dropout, "of the tokens", from_to_below(0, 1));
    v("labels", labels,
      "windows of the anomalies, as NAB's labels/combined_windows.json, for `eval`; empty: none");
  }
  void check() const {
    if (recent > window)
      throw ModelError("recent: expected at most window = " + std::to_string(window) + ", given " +
                       std::to_string(recent));
  }
};

class AnomalyHead : public WithOptions<Head, AnomalyHeadOptions> {
 public:
  void learn(const Split& train, const Input&) override { series_split(train, kAnomalyHead); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext&) override {
    const auto sizes = input.sizes();
    if (!sizes.contains("series"))
      throw ModelError(std::string(kAnomalyHead) + " goes with the input 'series'");
    if (sizes.at("series").at(5) != 1)
      throw ModelError(
          "input.horizon: the head 'anomaly' forecasts the next row; expected 1, given " +
          std::to_string(sizes.at("series").at(5)));
    return module_ = std::make_shared<SeriesOutput>(encoder, 1, 1, options.dropout, kAnomalyHead);
  }

  void add_targets(const Split&, const std::vector<int64_t>&, const Draw&, Batch&) const override {}
  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens).squeeze(3);  // (B, C, 1)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    return {loss_of(output(tokens, batch), tokens, batch), batch.size()};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr& split, bool quick) override {
    return make_anomaly_scorer(
        std::dynamic_pointer_cast<const SeriesSplit>(split),
        {options.window, options.recent, options.rest, options.threshold, options.labels}, quick,
        [this](const Tokens& tokens, const Batch& batch) {
          const auto found = output(tokens, batch), naive = last_values(batch);
          return RowErrors{loss_of(found, tokens, batch), loss_of(naive, tokens, batch),
                           row_error(found, batch), row_error(naive, batch)};
        });
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override;

  std::string expected(const Split&, int64_t) const override { return ""; }
  void check(const Split& split, bool) const override { series_split(split, kAnomalyHead); }
  SelectionMetric selection_metric() const override { return {"loss", false}; }

 private:
  /// Mean absolute error in deviations of the window, those beyond kMostDeviations as such: a jump
  /// out of a flat window is any number of them.
  static at::Tensor loss_of(const at::Tensor& found, const Tokens& tokens, const Batch& batch) {
    auto error = (found - batch.at("future")).abs();
    if (tokens.extra.contains("std"))
      error = error / tokens.extra.at("std").to(error.dtype()).unsqueeze(2);
    error = error.clamp_max(kMostDeviations);
    if (!batch.has("future_observed")) return error.mean();
    const auto& observed = batch.at("future_observed");
    return (error * observed).sum() / observed.sum().clamp_min(1);
  }

  /// Root mean square over the columns of a row: (B, C, 1) -> (B) double, NaN where none is known.
  static at::Tensor row_error(const at::Tensor& found, const Batch& batch) {
    const auto square = (found.to(at::kDouble) - batch.at("future")).square().squeeze(2);
    if (!batch.has("future_observed")) return square.mean(1).sqrt();
    const auto observed = batch.at("future_observed").squeeze(2);
    return ((square * observed).sum(1) / observed.sum(1)).sqrt();
  }

  /// Of a series that is answered row by row.
  struct Following {
    ErrorTail tail;
    int64_t next;
  };
  double follow(const std::string& series, int64_t row, double error, bool counts);

  std::shared_ptr<SeriesOutput> module_;
  std::map<std::string, Following> following_;
};

/// A series that does not go on where it ended begins anew.
double AnomalyHead::follow(const std::string& series, int64_t row, double error, bool counts) {
  const ErrorTail fresh(options.window, options.recent, options.rest);
  auto& now = following_.try_emplace(series, Following{fresh, row}).first->second;
  if (now.next != row) now.tail = fresh;
  now.next = row + 1;
  return counts ? now.tail.add(error) : 0;
}

std::vector<Prediction> AnomalyHead::predict(const Tokens& tokens, const Batch& batch,
                                             const Split& given) {
  const auto& split = series_split(given, kAnomalyHead);
  const auto& state = split.state();
  if (!batch.has("future"))
    throw ModelError("the head 'anomaly' judges rows that are there; set input.answer = \"rows\"");
  const auto found = output(tokens, batch);  // (B, C, 1)
  const auto errors = row_error(found, batch);
  std::vector<Prediction> all;
  for (int64_t b = 0; b < found.size(0); ++b) {
    const auto& rows = split.rows_of(b);
    const int64_t row = split.window(b).row, number = split.row_number(b);
    const double error = errors[b].item<double>();
    const bool counts = number >= state.options.look_back && !std::isnan(error);
    const double score = follow(rows.facts.name, number, error, counts);
    const bool alarm = score >= options.threshold;
    auto values = nlohmann::ordered_json::object(), expected = values;
    for (int64_t c = 0; c < state.channels(); ++c) {
      const auto i = static_cast<size_t>(c);
      const double value = rows.values[c][row].item<double>();
      values[state.columns[i]] =
          std::isnan(value) ? nlohmann::ordered_json() : nlohmann::ordered_json(value);
      expected[state.columns[i]] = found[b][c][0].item<double>() * state.std[i] + state.mean[i];
    }
    char text[32];
    std::snprintf(text, sizeof text, "\t%.4f", score);
    const auto name = state.options.columns.group.empty() ? "" : rows.facts.name + "\t";
    const nlohmann::ordered_json json = {
        {"series", rows.facts.name}, {"time", rows.time(row)}, {"values", values},
        {"expected", expected},      {"score", score},         {"alarm", alarm}};
    all.push_back({name + rows.time(row) + text + (alarm ? "\talarm" : ""),
                   json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  }
  return all;
}

}  // namespace

std::shared_ptr<Head> make_anomaly_head() { return std::make_shared<AnomalyHead>(); }

}  // namespace heed
