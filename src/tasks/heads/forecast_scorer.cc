#include "tasks/heads/forecast_scorer.h"

#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "tasks/heads/series_output.h"

namespace heed {
namespace {

/// Sums of a column's errors.
struct ErrorSums {
  at::Tensor square, absolute;  // (C) double

  void add(const at::Tensor& predicted, const at::Tensor& expected, const at::Tensor& weights) {
    const auto error = (predicted - expected).to(at::kDouble) * weights;
    const auto s = error.square().sum(at::IntArrayRef{0, 2}),
               a = error.abs().sum(at::IntArrayRef{0, 2});
    square = square.defined() ? square + s : s;
    absolute = absolute.defined() ? absolute + a : a;
  }
};

class ForecastScorer : public Scorer {
 public:
  ForecastScorer(const ForecastScale& scale, const ForecastRules& rules,
                 std::function<at::Tensor(const Tokens&, const Batch&)> output)
      : scale_(scale), rules_(rules), output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = output_(tokens, batch);  // (B, C, H, Q)
    const auto& future = batch.at("future");    // (B, C, H)
    auto weights = at::ones_like(future, at::kDouble);
    if (batch.has("future_observed")) weights = batch.at("future_observed").to(at::kDouble);
    const auto count = weights.sum(at::IntArrayRef{0, 2});
    count_ = count_.defined() ? count_ + count : count;
    model_.add(found.select(3, found.size(3) / 2), future, weights);
    last_.add(last_values(batch).expand_as(future), future, weights);
    if (rules_.period > 1)
      seasonal_.add(seasonal_values(batch, rules_.period, future.size(2)), future, weights);
    if (!rules_.quantiles.empty())
      add_quantiles(found.to(at::kDouble), future.to(at::kDouble), weights);
  }

  Metrics metrics() override {
    Metrics all;
    append(all, "", model_);
    const auto count = count_.sum().item<double>();
    double pinball = 0;
    for (size_t q = 0; q < pinball_.size(); ++q) {
      const double value = pinball_[q] / count;
      pinball += value / static_cast<double>(pinball_.size());
      all.emplace_back("pinball_" + nlohmann::json(rules_.quantiles[q]).dump(), value);
    }
    if (!pinball_.empty()) {
      all.emplace_back("pinball", pinball);
      if (pinball_.size() > 1) all.emplace_back("coverage", covered_ / count);
    }
    const std::string loss =
        rules_.loss == ForecastLoss::quantile ? "pinball" : word_of(rules_.loss);
    for (const auto& [name, value] : Metrics(all))
      if (name == loss) all.emplace_back("loss", value);
    return all;
  }

  Metrics baseline() const override {
    Metrics all;
    append(all, "baseline_", last_);
    if (rules_.period > 1) append(all, "baseline_seasonal_", seasonal_);
    return all;
  }

  std::string details() const override {
    return nlohmann::ordered_json{{"columns", per_column()}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  std::string report() const override {
    std::string text = "\n     mse       mae  last mse  last mae  column\n";
    for (const auto& row : per_column()) {
      char line[80];
      std::snprintf(line, sizeof line, "%8.4f  %8.4f  %8.4f  %8.4f  ", row["mse"].get<double>(),
                    row["mae"].get<double>(), row["baseline_mse"].get<double>(),
                    row["baseline_mae"].get<double>());
      text += line + printable(row["column"].get<std::string>()) + "\n";
    }
    return text;
  }

 private:
  void add_quantiles(const at::Tensor& found, const at::Tensor& future, const at::Tensor& weights) {
    pinball_.resize(rules_.quantiles.size());
    for (size_t q = 0; q < pinball_.size(); ++q) {
      const auto error = (future - found.select(3, static_cast<int64_t>(q))) * weights;
      pinball_[q] += at::maximum(error * rules_.quantiles[q], error * (rules_.quantiles[q] - 1))
                         .sum()
                         .item<double>();
    }
    const auto inside =
        found.select(3, 0).le(future).logical_and(future.le(found.select(3, found.size(3) - 1)));
    covered_ += (inside * weights).sum().item<double>();
  }

  void append(Metrics& all, const std::string& prefix, const ErrorSums& sums) const {
    const auto count = count_.sum().item<double>();
    all.emplace_back(prefix + "mse", sums.square.sum().item<double>() / count);
    all.emplace_back(prefix + "mae", sums.absolute.sum().item<double>() / count);
    double scaled = 0, columns = 0;
    for (int64_t c = 0; c < count_.size(0); ++c) {
      const double naive = scale_.naive[static_cast<size_t>(c)], n = count_[c].item<double>();
      if (!(naive > 0) || n == 0) continue;  // MASE knows no column that repeats itself exactly
      scaled += sums.absolute[c].item<double>() / n / naive, ++columns;
    }
    if (columns > 0) all.emplace_back(prefix + "mase", scaled / columns);
  }

  nlohmann::ordered_json per_column() const {
    auto rows = nlohmann::ordered_json::array();
    for (int64_t c = 0; c < count_.size(0); ++c) {
      const double n = std::max(1.0, count_[c].item<double>());
      rows.push_back({{"column", scale_.columns[static_cast<size_t>(c)]},
                      {"values", n},
                      {"mse", model_.square[c].item<double>() / n},
                      {"mae", model_.absolute[c].item<double>() / n},
                      {"baseline_mse", last_.square[c].item<double>() / n},
                      {"baseline_mae", last_.absolute[c].item<double>() / n}});
    }
    return rows;
  }

  const ForecastScale& scale_;
  ForecastRules rules_;
  std::function<at::Tensor(const Tokens&, const Batch&)> output_;
  ErrorSums model_, last_, seasonal_;
  at::Tensor count_;  // (C)
  std::vector<double> pinball_;
  double covered_ = 0;
};

}  // namespace

std::unique_ptr<Scorer> make_forecast_scorer(
    const ForecastScale& scale, const ForecastRules& rules,
    std::function<at::Tensor(const Tokens&, const Batch&)> output) {
  return std::make_unique<ForecastScorer>(scale, rules, std::move(output));
}

}  // namespace heed
