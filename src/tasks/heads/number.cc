// A number (regression): tokens are pooled, and a linear layer gives it in training's deviations.
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"
#include "heed/metrics/correlation.h"
#include "heed/metrics/plot.h"
#include "tasks/collected.h"
#include "tasks/heads.h"
#include "tasks/heads/aims.h"
#include "tasks/heads/number_cell.h"
#include "tasks/heads/pooled.h"

namespace heed {
namespace {

constexpr const char* kNumberFile = "number.json";
constexpr const char* kNumberTarget = "number";

enum class NumberLoss { mse, huber };
constexpr std::array<const char*, 2> words(NumberLoss) { return {"mse", "huber"}; }

enum class NumberMetric { mse, mae, r2, pearson, spearman, loss };
constexpr std::array<const char*, 6> words(NumberMetric) {
  return {"mse", "mae", "r2", "pearson", "spearman", "loss"};
}

struct NumberHeadOptions : PooledOptions {
  std::string column = "number";
  NumberLoss loss = NumberLoss::mse;
  double delta = 1;
  NumberMetric metric = NumberMetric::mse;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the number");
    PooledOptions::fields(v);
    v("loss", loss, "of the number in deviations of training: mse, or huber, linear far out");
    if (loss == NumberLoss::huber)
      v("delta", delta, "where huber becomes linear, in deviations", between(1e-6, 1e6));
    v("metric", metric, "by which the best model is chosen");
  }
};

std::string number_text(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

struct MeanErrors {
  double squared = 0, absolute = 0;
};

MeanErrors mean_errors(const std::vector<double>& predicted, const std::vector<double>& expected) {
  MeanErrors mean;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = predicted[i] - expected[i];
    mean.squared += error * error, mean.absolute += std::abs(error);
  }
  const auto count = static_cast<double>(expected.size());
  return {mean.squared / count, mean.absolute / count};
}

using NumberOutputOf = std::function<at::Tensor(const Tokens&, const Batch&)>;

/// Of the numbers in their own units.
class NumberScorer : public Scorer {
 public:
  struct Training {
    double mean, deviation;
  };
  NumberScorer(NumberOutputOf output, std::string target, Training training)
      : output_(std::move(output)), target_(std::move(target)), training_(training) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found =
        output_(tokens, batch).to(at::kDouble) * training_.deviation + training_.mean;
    const auto& targets = batch.at(target_);
    for (int64_t i = 0; i < found.size(0); ++i)
      rows_.push_back(
          {batch.records[i].item<int64_t>(), found[i].item<double>(), targets[i].item<double>()});
  }

  bool collected(Collected& state) override {
    state(rows_);
    return true;
  }

  Metrics metrics() override {
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.record < b.record; });
    for (const auto& row : rows_)
      predicted_.push_back(row.predicted), expected_.push_back(row.expected);
    const auto error = mean_errors(predicted_, expected_);
    Metrics all{{"mse", error.squared},
                {"mae", error.absolute},
                {"r2", 1 - error.squared / mean_errors(mean_of_targets(), expected_).squared}};
    if (rows_.size() > 1) {
      all.emplace_back("pearson", pearson(predicted_, expected_));
      all.emplace_back("spearman", spearman(predicted_, expected_));
    }
    all.emplace_back("loss", error.squared / (training_.deviation * training_.deviation));
    return all;
  }

  /// The mean of training's numbers for every example.
  Metrics baseline() const override {
    const auto error =
        mean_errors(std::vector<double>(expected_.size(), training_.mean), expected_);
    return {{"baseline_mse", error.squared}, {"baseline_mae", error.absolute}};
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const double x : predicted_) lines.push_back(number_text(x));
    return lines;
  }

  std::vector<Plot> plots() const override {
    return {{.title = "predicted beside expected",
             .x = "expected",
             .y = "predicted",
             .curves = {{"", expected_, predicted_}},
             .points = true,
             .diagonal = true}};
  }

 private:
  struct Row {
    int64_t record;
    double predicted, expected;

    template <class V>
    void members(V& v) {
      v(record), v(predicted), v(expected);
    }
  };
  std::vector<double> mean_of_targets() const {
    double sum = 0;
    for (const double x : expected_) sum += x;
    return std::vector<double>(expected_.size(), sum / static_cast<double>(expected_.size()));
  }

  NumberOutputOf output_;
  std::string target_;
  Training training_;
  std::vector<Row> rows_;
  std::vector<double> predicted_, expected_;
};

class NumberHead : public WithOptions<Head, NumberHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }

  void learn(const Split& train, const Input&) override {
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < train.size(); ++i) {
      const double x = number(train, i), step = x - mean;
      mean += step / static_cast<double>(i + 1);
      squares += step * (x - mean);
    }
    training_ = {mean, std::sqrt(squares / static_cast<double>(train.size()))};
    if (training_.deviation > 0) return;
    throw DataError("the column '" + options.column + "' of the training data is " +
                    number_text(mean) + " in every record; there is nothing to learn");
  }
  Files files() const override {
    const nlohmann::ordered_json json{{"mean", training_.mean}, {"std", training_.deviation}};
    return {{kNumberFile, json.dump(1) + "\n"}};
  }
  void load(const Files& files) override {
    const auto found = files.find(kNumberFile);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks the numbers' mean, the file ") +
                       kNumberFile);
    const JsonObject json(found->second, kNumberFile);
    training_ = {json.number("mean"), json.number("std")};
    if (training_.deviation <= 0) json.refuse("std", "expected a number above 0");
  }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext&) override {
    return module_ = std::make_shared<PooledLinear>(encoder->width(), 1, options);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw& draw,
                   Batch& batch) const override {
    std::vector<double> targets;
    for (const int64_t example : examples) targets.push_back(number(split, example, draw));
    batch.tensors[in_batch(kNumberTarget)] = at::tensor(targets, at::kDouble);
  }

  /// (B), in deviations from training's mean.
  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens).squeeze(1);
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto found = output(tokens, batch);
    const auto target = ((batch.at(in_batch(kNumberTarget)) - training_.mean) / training_.deviation)
                            .to(found.options());
    return {options.loss == NumberLoss::mse
                ? at::mse_loss(found, target)
                : at::huber_loss(found, target, at::Reduction::Mean, options.delta),
            found.size(0)};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    return std::make_unique<NumberScorer>(
        [this](const Tokens& tokens, const Batch& batch) { return output(tokens, batch); },
        in_batch(kNumberTarget), training_);
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    const auto found = output(tokens, batch).to(at::kDouble) * training_.deviation + training_.mean;
    std::vector<Prediction> all;
    for (int64_t i = 0; i < found.size(0); ++i) {
      const double x = found[i].item<double>();
      all.push_back({number_text(x), nlohmann::ordered_json{{"number", x}}.dump()});
    }
    return all;
  }

  Aim aim(const Tokens&, const Batch&, const Split&, const AimOptions& aimed,
          const Looked&) override {
    aimed_number(aimed, 1, "number");
    return {"the number", "", [this](const Tokens& of, const Batch& copies) {
              return Aimed{output(of, copies) * training_.deviation + training_.mean, {}};
            }};
  }

  std::string expected(const Split& split, int64_t example) const override {
    return split.has(options.column) ? split.value(example, options.column) : "";
  }
  void check(const Split& split, bool) const override {
    for (int64_t i = 0; i < split.size(); ++i) number(split, i);
  }
  SelectionMetric selection_metric() const override {
    using enum NumberMetric;
    const auto metric = options.metric;
    return {word_of(metric), metric == r2 || metric == pearson || metric == spearman};
  }

 private:
  double number(const Split& split, int64_t example, const Draw& draw = {}) const {
    return number_cell(split, example, options.column, draw);
  }

  NumberScorer::Training training_{0, 1};
  std::shared_ptr<PooledLinear> module_;
};

}  // namespace

std::shared_ptr<Head> make_number_head() { return std::make_shared<NumberHead>(); }

}  // namespace heed
