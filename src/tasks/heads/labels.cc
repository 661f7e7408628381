// Several labels at once: tokens are pooled, and a linear layer gives each label a logit.
#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/metrics/classification.h"
#include "heed/metrics/curves.h"
#include "heed/metrics/multilabel.h"
#include "heed/metrics/plot.h"
#include "tasks/heads.h"
#include "tasks/heads/label_sets.h"
#include "tasks/heads/pooled.h"

namespace heed {
namespace {

constexpr const char* kLabelsFile = "labels.json";
constexpr const char* kLabelsTarget = "labels";

struct LabelsHeadOptions : PooledOptions {
  std::string column = "labels";
  std::string separator = ",";
  double threshold = 0.5;
  std::string metric = "micro_f1";

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the labels: lists, or texts with separators; empty: no label");
    v("separator", separator, "between labels of a text; blanks around labels do not count");
    PooledOptions::fields(v);
    v("threshold", threshold, "probability from which on an example has a label", between(0, 1));
    v("metric", metric, "by which the best model is chosen",
      OneOf{{"micro_f1", "macro_f1", "average_precision", "subset_accuracy", "loss"}});
  }
  void check() const {
    if (separator.empty()) throw ModelError("separator: expected at least one character");
  }
};

using LabelsOutputOf = std::function<at::Tensor(const Tokens&, const Batch&)>;

class LabelsScorer : public Scorer {
 public:
  LabelsScorer(const LabelSets& sets, double threshold, std::string target, LabelsOutputOf output)
      : sets_(sets),
        threshold_(threshold),
        target_(std::move(target)),
        output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto logits = output_(tokens, batch);
    const auto& targets = batch.at(target_);
    loss_ += at::binary_cross_entropy_with_logits(logits, targets.to(logits.dtype()), {}, {},
                                                  at::Reduction::Sum)
                 .item<double>();
    const auto scores = logits.sigmoid().to(at::kDouble).contiguous();
    const auto known = targets.to(at::kLong).contiguous();
    const int64_t K = labels();
    for (int64_t i = 0; i < logits.size(0); ++i) {
      const auto* score = scores.data_ptr<double>() + i * K;
      const auto* target = known.data_ptr<int64_t>() + i * K;
      rows_.push_back({batch.records[i].item<int64_t>(), {score, score + K}, {target, target + K}});
    }
  }

  Metrics metrics() override {
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.record < b.record; });
    for (const auto& row : rows_) {
      scores_.insert(scores_.end(), row.scores.begin(), row.scores.end());
      expected_.insert(expected_.end(), row.expected.begin(), row.expected.end());
    }
    for (const double score : scores_) predicted_.push_back(score >= threshold_);
    counts_ = label_counts(predicted_, expected_, labels());
    return {{"micro_f1", micro_f1(counts_)},
            {"macro_f1", macro_f1(counts_)},
            {"average_precision", label_average_precision(scores_, expected_, labels())},
            {"subset_accuracy", subset_accuracy(predicted_, expected_, labels())},
            {"loss", loss_ / static_cast<double>(scores_.size())}};
  }

  /// The most frequent set of training for every example.
  Metrics baseline() const override {
    const auto set = sets_.row(sets_.most_frequent, "");
    std::vector<int64_t> all;
    for (size_t i = 0; i < rows_.size(); ++i) all.insert(all.end(), set.begin(), set.end());
    const auto counts = label_counts(all, expected_, labels());
    return {{"baseline_micro_f1", micro_f1(counts)},
            {"baseline_macro_f1", macro_f1(counts)},
            {"baseline_subset_accuracy", subset_accuracy(all, expected_, labels())}};
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& row : rows_) {
      std::string line;
      for (int64_t k = 0; k < labels(); ++k)
        if (row.scores[static_cast<size_t>(k)] >= threshold_)
          line += (line.empty() ? "" : ",") + sets_.labels.name(k);
      lines.push_back(as_line(line));
    }
    return lines;
  }

  std::string details() const override {
    return nlohmann::ordered_json{{"labels", per_label()}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::string report() const override {
    std::string text = "\n records precision    recall        f1        ap  label\n";
    for (const auto& row : per_label()) {
      char line[80];
      std::snprintf(line, sizeof line, "%8lld %9.4f %9.4f %9.4f %9.4f  ",
                    row["records"].get<long long>(), row["precision"].get<double>(),
                    row["recall"].get<double>(), row["f1"].get<double>(),
                    row["average_precision"].get<double>());
      text += line + printable(row["label"].get<std::string>()) + "\n";
    }
    return text;
  }

  std::vector<Plot> plots() const override {
    Plot plot{.title = "precision beside recall", .x = "recall", .y = "precision", .unit = true};
    for (int64_t k = 0; k < std::min<int64_t>(labels(), Plot::kMostCurves); ++k) {
      auto curve = precision_recall_curve(scores_of(k), expected_of(k));
      plot.curves.push_back(
          {sets_.labels.name(k), std::move(curve.recall), std::move(curve.precision)});
    }
    return {plot};
  }

 private:
  struct Row {
    int64_t record;
    std::vector<double> scores;
    std::vector<int64_t> expected;
  };

  int64_t labels() const { return sets_.labels.size(); }
  std::vector<double> scores_of(int64_t label) const {
    std::vector<double> all;
    for (const auto& row : rows_) all.push_back(row.scores[static_cast<size_t>(label)]);
    return all;
  }
  std::vector<int64_t> expected_of(int64_t label) const {
    std::vector<int64_t> all;
    for (const auto& row : rows_) all.push_back(row.expected[static_cast<size_t>(label)]);
    return all;
  }
  nlohmann::ordered_json per_label() const {
    auto rows = nlohmann::ordered_json::array();
    for (int64_t k = 0; k < labels(); ++k) {
      const auto& counts = counts_[static_cast<size_t>(k)];
      rows.push_back({{"label", sets_.labels.name(k)},
                      {"records", counts.expected},
                      {"precision", counts.precision()},
                      {"recall", counts.recall()},
                      {"f1", counts.f1()},
                      {"average_precision", average_precision(scores_of(k), expected_of(k))}});
    }
    return rows;
  }

  const LabelSets& sets_;
  double threshold_;
  std::string target_;
  LabelsOutputOf output_;
  double loss_ = 0;
  std::vector<Row> rows_;
  std::vector<double> scores_;
  std::vector<int64_t> predicted_, expected_;
  std::vector<MatchCounts> counts_;
};

class LabelsHead : public WithOptions<Head, LabelsHeadOptions> {
 public:
  std::vector<std::string> columns() const override { return {options.column}; }

  void learn(const Split& train, const Input&) override {
    sets_ = LabelSets::of(train, options.column, options.separator);
  }
  Files files() const override { return {{kLabelsFile, sets_.file()}}; }
  void load(const Files& files) override { sets_ = LabelSets::from_file(files, kLabelsFile); }

  std::shared_ptr<torch::nn::Module> make(const EncoderPtr& encoder, const Input&,
                                          const HeadContext&) override {
    return module_ = std::make_shared<PooledLinear>(encoder->width(), sets_.labels.size(), options);
  }

  void add_targets(const Split& split, const std::vector<int64_t>& examples, const Draw&,
                   Batch& batch) const override {
    std::vector<int64_t> targets;
    for (const int64_t example : examples) {
      const auto row = row_of(split, example);
      targets.insert(targets.end(), row.begin(), row.end());
    }
    batch.tensors[in_batch(kLabelsTarget)] =
        at::tensor(targets, at::kLong).view({std::ssize(examples), sets_.labels.size()});
  }

  at::Tensor output(const Tokens& tokens, const Batch&) override {
    return module_->forward(tokens);  // (B, K)
  }
  HeadLoss loss(const Tokens& tokens, const Batch& batch) override {
    const auto logits = output(tokens, batch);
    const auto targets = batch.at(in_batch(kLabelsTarget)).to(logits.dtype());
    return {at::binary_cross_entropy_with_logits(logits, targets), logits.size(0)};
  }

  std::unique_ptr<Scorer> scorer(const SplitPtr&, bool) override {
    return std::make_unique<LabelsScorer>(
        sets_, options.threshold, in_batch(kLabelsTarget),
        [this](const Tokens& tokens, const Batch& batch) { return output(tokens, batch); });
  }

  void answer_by(const AnswerOptions& answer) override {
    top_ = answer.top;
    auto rest = answer;
    rest.top.reset();
    Head::answer_by(rest);
  }

  std::vector<Prediction> predict(const Tokens& tokens, const Batch& batch, const Split&) override {
    const auto probabilities = output(tokens, batch).sigmoid().to(at::kDouble);
    const auto [best, numbers] =
        probabilities.topk(std::min(top_.value_or(5), sets_.labels.size()), 1);
    std::vector<Prediction> all;
    for (int64_t row = 0; row < best.size(0); ++row) {
      nlohmann::ordered_json json{{"labels", nlohmann::ordered_json::array()}};
      std::string text;
      for (int64_t k = 0; k < sets_.labels.size(); ++k) {
        if (probabilities[row][k].item<double>() < options.threshold) continue;
        json["labels"].push_back(sets_.labels.name(k));
        text += (text.empty() ? "" : ",") + sets_.labels.name(k);
      }
      for (int64_t i = 0; i < best.size(1); ++i)
        json["top"].push_back({{"label", sets_.labels.name(numbers[row][i].item<int64_t>())},
                               {"probability", best[row][i].item<double>()}});
      all.push_back({text, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
    }
    return all;
  }

  std::string expected(const Split& split, int64_t example) const override {
    if (!split.has(options.column)) return "";
    std::string text;
    for (const auto& label : labels_of(split, example, options.column, options.separator))
      text += (text.empty() ? "" : ",") + label;
    return text;
  }
  void check(const Split& split, bool) const override {
    for (int64_t i = 0; i < split.size(); ++i) row_of(split, i);
  }
  SelectionMetric selection_metric() const override {
    return {options.metric, options.metric != "loss"};
  }
  Metrics stats(const Split& split) const override {
    double labels = 0;
    for (int64_t i = 0; i < split.size(); ++i)
      labels += static_cast<double>(labels_of(split, i, options.column, options.separator).size());
    return {{"labels an example", labels / static_cast<double>(split.size())}};
  }

 private:
  std::vector<int64_t> row_of(const Split& split, int64_t example) const {
    return sets_.row(labels_of(split, example, options.column, options.separator),
                     split.place(example));
  }

  LabelSets sets_;
  std::shared_ptr<PooledLinear> module_;
  std::optional<int64_t> top_;
};

}  // namespace

std::shared_ptr<Head> make_labels_head() { return std::make_shared<LabelsHead>(); }

}  // namespace heed
