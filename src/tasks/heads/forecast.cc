// The rows behind a window of series: a number of each column, or its quantiles.
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/nn/quantile_loss.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/forecast_scorer.h"
#include "tasks/heads/series_output.h"

namespace heed {
namespace {

constexpr const char* kForecastFile = "forecast.json";
constexpr const char* kForecastHead = "head.kind: the head 'forecast'";

struct ForecastHeadOptions {
  ForecastLoss loss = ForecastLoss::mse;
  std::vector<double> quantiles = {0.1, 0.5, 0.9};
  int64_t period = 1;
  double dropout = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("loss", loss, "mse, mae: a number a value; quantile: the pinball loss of its quantiles");
    if (loss == ForecastLoss::quantile)
      v("quantiles", quantiles, "that are forecast, rising; the middle one stands for the value",
        Bounds{0, 1, true, true});
    v("period", period,
      "rows of a season, as 24 of hours: of the seasonal naive forecast, which is measured beside "
      "the model, and of MASE; 1: the last value alone",
      between(1, kMostLength));
    v("dropout", dropout, "of the tokens", from_to_below(0, 1));
  }
  void check() const {
    if (quantiles.empty()) throw ModelError("quantiles: expected at least one");
    for (size_t i = 1; i < quantiles.size(); ++i)
      if (quantiles[i] <= quantiles[i - 1])
        throw ModelError("quantiles: expected rising numbers, given " +
                         std::to_string(quantiles[i]) + " behind " +
                         std::to_string(quantiles[i - 1]));
  }
};

class ForecastHead : public WithOptions<Head, ForecastHeadOptions> {
 public:
  void learn(const Split& train, const Input&) override {
    const auto& split = series_split(train, kForecastHead);
    const auto& state = split.state();
    scale_.columns = state.columns;
    std::vector<double> sum(state.columns.size()), count(sum);
    const auto covered = split.covered();
    for (size_t i = 0; i < covered.size(); ++i) {
      const int64_t rows = covered[i].second - covered[i].first - options.period;
      if (covered[i].second == 0 || rows <= 0) continue;
      const auto values = split.rows()[i].values.slice(1, covered[i].first, covered[i].second);
      const auto steps = (values.slice(1, options.period) - values.slice(1, 0, rows)).abs();
      for (size_t c = 0; c < sum.size(); ++c) {
        const auto of_column = steps[static_cast<int64_t>(c)];
        sum[c] += of_column.nan_to_num(0).sum().item<double>() / state.std[c];
        count[c] += of_column.isnan().logical_not().sum().item<double>();
      }
    }
    scale_.naive.clear();
    for (size_t c = 0; c < sum.size(); ++c)
      scale_.naive.push_back(count[c] > 0 ? sum[c] / count[c] : 0);
  }
  Files files() const override {
    return {{kForecastFile,
             nlohmann::ordered_json{{"columns", scale_.columns}, {"naive", scale_.naive}}.dump(
                 1, ' ', false, nlohmann::json::error_handler_t::replace) +
                 "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kForecastFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks the scale of its forecasts, the file ") +
                       kForecastFile);
    const JsonObject json(found->second, kForecastFile);
    scale_ = {json.texts("columns"), json.numbers("naive")};
    if (scale_.columns.size() != scale_.naive.size())
      throw ModelError(std::string(kForecastFile) + ": columns and scales differ in number");
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input& input,
                                          const HeadContext&) override {
    const auto example = input.example();
    const int64_t look_back = example.at("past").size(2);
    if (options.period > look_back)
      throw ModelError("head.period = " + std::to_string(options.period) +
                       " rows: expected at most input.look_back = " + std::to_string(look_back));
    horizon_ = input.sizes().at("series").at(5);
    const int64_t Q = is_quantile() ? std::ssize(options.quantiles) : 1;
    return module_ =
               std::make_shared<SeriesOutput>(encoder, horizon_, Q, options.dropout, kForecastHead);
  }

  void add_targets(const Split&, const std::vector<int64_t>&, const Draw&, Batch&) const override {}
  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, C, H, Q)
  }

  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto found = output(tokens, batch);
    const auto& future = batch.at("future");
    const int64_t B = found.size(0);
    at::Tensor observed;
    if (batch.has("future_observed")) observed = batch.at("future_observed");
    if (is_quantile()) {
      const auto by_time = [](const at::Tensor& x) { return x.transpose(1, 2); };  // C behind H
      return {nn::quantile_loss(by_time(found), by_time(future), options.quantiles,
                                observed.defined() ? by_time(observed) : observed),
              B};
    }
    auto error = found.squeeze(3) - future;
    if (observed.defined()) error = error * observed;
    const auto sum = options.loss == ForecastLoss::mse ? error.square().sum() : error.abs().sum();
    const auto count = observed.defined() ? observed.sum().clamp_min(1)
                                          : at::scalar_tensor(future.numel(), at::kLong);
    return {sum / count.to(sum.dtype()), B};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    return make_forecast_scorer(
        scale_,
        {is_quantile() ? options.quantiles : std::vector<double>{}, options.loss, options.period},
        [this](const Tokens& tokens, const Batch& batch) { return output(tokens, batch); });
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch,
                                  const Split& split) override;

  /// The first row stands for all in a title.
  Looked explain(const Tokens& tokens, const Batch& batch, const Split& split,
                 const std::string& target) override {
    auto looked = Head::explain(tokens, batch, split, target);
    auto& text = looked.prediction.text;
    if (const auto end = text.find('\n'); end != std::string::npos)
      text = text.substr(0, end) + " ..";
    return looked;
  }
  /// The mean over columns and rows ahead, or of one row ahead.
  Aim aim(const Tokens&, const Batch&, const Split&, const AimOptions& aimed,
          const Looked&) override {
    const auto row = aimed_number(aimed, horizon_, "row ahead");
    const auto middle = is_quantile() ? std::ssize(options.quantiles) / 2 : 0;
    return {row > 0 ? "the forecast of row " + std::to_string(row) : "the mean of the forecast", "",
            [this, row, middle](const Tokens& of, const Batch& copies) {
              const auto all = output(of, copies).select(3, middle);  // (B, C, H)
              return Aimed{(row > 0 ? all.narrow(2, row - 1, 1) : all).mean({1, 2}), {}};
            }};
  }
  std::string expected(const Split&, int64_t) const override { return ""; }
  void check(const Split& split, bool) const override { series_split(split, kForecastHead); }
  SelectionMetric selection_metric() const override {
    return {is_quantile() ? "pinball" : word_of(options.loss), false};
  }

 private:
  bool is_quantile() const { return options.loss == ForecastLoss::quantile; }

  ForecastScale scale_;
  std::shared_ptr<SeriesOutput> module_;
  int64_t horizon_ = 0;
};

std::vector<Prediction> ForecastHead::predict(const Tokens& tokens, const Batch& batch,
                                              const Split& given) {
  const auto& split = series_split(given, kForecastHead);
  const auto& state = split.state();
  const auto shape = std::vector<int64_t>{1, state.channels(), 1, 1};
  const auto found =
      output(tokens, batch).to(at::kDouble) * at::tensor(state.std, at::kDouble).view(shape) +
      at::tensor(state.mean, at::kDouble).view(shape);
  std::vector<Prediction> all;
  for (int64_t b = 0; b < found.size(0); ++b) {
    const auto& rows = split.rows_of(b);
    const bool named = split.rows().size() > 1;
    auto times = nlohmann::ordered_json::array();
    auto columns = nlohmann::ordered_json::object();
    std::string text;
    for (int64_t h = 0; h < horizon_; ++h) {
      const auto time = rows.time(split.window(b).row + h);
      times.push_back(time);
      if (h > 0) text += '\n';
      if (named) text += rows.facts.name + '\t';
      text += time;
      for (int64_t c = 0; c < state.channels(); ++c) {
        auto& column = columns[state.columns[static_cast<size_t>(c)]];
        std::vector<double> values;
        for (int64_t q = 0; q < found.size(3); ++q) {
          values.push_back(found[b][c][h][q].item<double>());
          char number[32];
          std::snprintf(number, sizeof number, "\t%.6g", values.back());
          text += number;
        }
        if (is_quantile())
          column.push_back(values);
        else
          column.push_back(values.front());
      }
    }
    nlohmann::ordered_json json = {{"series", rows.facts.name}, {"times", times}};
    if (is_quantile()) json["quantiles"] = options.quantiles;
    json["forecast"] = columns;
    all.push_back({text, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  }
  return all;
}

}  // namespace

std::shared_ptr<Head> make_forecast_head() { return std::make_shared<ForecastHead>(); }

}  // namespace heed
