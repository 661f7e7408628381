#include "tasks/heads/class_scorer.h"

#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "core/printable.h"
#include "heed/metrics/classification.h"
#include "heed/metrics/curves.h"
#include "heed/metrics/temperature.h"
#include "tasks/collected.h"

namespace heed {
namespace {

class ClassScorer : public Scorer {
 public:
  ClassScorer(const Classes& classes, ClassOutputOf output, const ClassScoring& scoring)
      : classes_(classes), output_(std::move(output)), scoring_(scoring) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = output_(tokens, batch);
    const auto logits = found.logits.to(at::kFloat);
    loss_ +=
        at::cross_entropy_loss(logits, found.targets, {}, at::Reduction::Sum, -1).item<double>();
    const auto best = logits.argmax(1);
    const auto probabilities = logits.softmax(1).to(at::kDouble).contiguous();
    const bool keep = scoring_.fits_temperature || scoring_.temperature != 1;
    const auto before =
        keep ? (logits.to(at::kDouble) * scoring_.temperature).contiguous() : at::Tensor();
    for (int64_t i = 0; i < logits.size(0); ++i) {
      rows_.push_back({found.records[i].item<int64_t>(), found.targets[i].item<int64_t>(),
                       best[i].item<int64_t>(), probabilities[i], keep ? before[i] : at::Tensor()});
    }
  }

  bool collected(Collected& state) override {
    state(loss_), state(rows_);
    return true;
  }

  Metrics metrics() override {
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.record < b.record; });
    std::vector<int64_t> targets, found;
    int64_t right = 0;
    for (const auto& row : rows_) {
      right += row.target == row.found;
      if (row.target < 0) continue;
      targets.push_back(row.target), found.push_back(row.found);
    }
    const auto known = static_cast<double>(std::max<size_t>(1, targets.size()));
    Metrics all{{"accuracy", static_cast<double>(right) / static_cast<double>(rows_.size())}};
    add_answered(all);
    if (rows_.size() > targets.size())
      all.emplace_back("unseen", static_cast<double>(rows_.size() - targets.size()));
    if (targets.empty()) {
      confusion_ = {classes_.size(), std::vector<int64_t>(classes_.size() * classes_.size())};
      return all;
    }
    confusion_ = confusion_matrix(found, targets, classes_.size());
    all.emplace_back("macro_f1", macro_f1(confusion_));
    all.emplace_back("mcc", matthews_correlation(confusion_));
    if (classes_.size() == 2) {
      std::vector<double> scores;
      for (const auto& row : rows_)
        if (row.target >= 0) scores.push_back(row.probabilities[1].item<double>());
      all.emplace_back("auc", roc_auc(scores, targets));
      all.emplace_back("average_precision", average_precision(scores, targets));
    }
    add_calibration(all);
    all.emplace_back("loss", loss_ / known);
    return all;
  }

  Metrics baseline() const override {
    const auto major = classes_.most_frequent();
    int64_t right = 0;
    for (const auto& row : rows_) right += row.target == major;
    return {{"baseline_accuracy", static_cast<double>(right) / static_cast<double>(rows_.size())}};
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    for (const auto& row : rows_) lines.push_back(as_line(classes_.name(row.found)));
    return lines;
  }

  double temperature() const override;
  std::string details() const override;
  std::string report() const override;
  std::vector<Plot> plots() const override;

 private:
  struct Row {
    int64_t record, target, found;
    at::Tensor probabilities;
    at::Tensor logits;  // before the temperature; undefined where nobody asks

    template <class V>
    void members(V& v) {
      v(record), v(target), v(found), v(probabilities), v(logits);
    }
    double confidence() const { return std::min(1.0, probabilities[found].item<double>()); }
  };
  void add_answered(Metrics& all) const;
  void add_calibration(Metrics& all) const;
  nlohmann::ordered_json per_class() const;

  const Classes& classes_;
  ClassOutputOf output_;
  ClassScoring scoring_;
  double loss_ = 0;
  std::vector<Row> rows_;
  ConfusionMatrix confusion_;
};

/// Of what is answered in spite of the threshold: its share of all, and its accuracy.
void ClassScorer::add_answered(Metrics& all) const {
  if (!scoring_.refuse) return;
  int64_t answered = 0, right = 0;
  for (const auto& row : rows_) {
    if (row.confidence() < *scoring_.refuse) continue;
    ++answered, right += row.target == row.found;
  }
  all.emplace_back("coverage", static_cast<double>(answered) / static_cast<double>(rows_.size()));
  if (answered > 0)
    all.emplace_back("accuracy_answered",
                     static_cast<double>(right) / static_cast<double>(answered));
}

void ClassScorer::add_calibration(Metrics& all) const {
  std::vector<double> confidence, before;
  std::vector<int64_t> right;
  for (const auto& row : rows_) {
    confidence.push_back(row.confidence()), right.push_back(row.target == row.found);
    if (scoring_.temperature != 1)
      before.push_back(std::min(1.0, row.logits.softmax(0)[row.found].item<double>()));
  }
  all.emplace_back("ece", expected_calibration_error(confidence, right));
  if (scoring_.temperature == 1) return;
  all.emplace_back("ece_uncalibrated", expected_calibration_error(before, right));
  all.emplace_back("temperature", scoring_.temperature);
}

double ClassScorer::temperature() const {
  std::vector<double> logits;
  std::vector<int64_t> targets;
  for (const auto& row : rows_) {
    if (row.target < 0) continue;
    if (!row.logits.isfinite().all().item<bool>()) return 1;  // training says that it diverged
    const auto* first = row.logits.data_ptr<double>();
    logits.insert(logits.end(), first, first + classes_.size());
    targets.push_back(row.target);
  }
  return targets.empty() ? 1 : fitted_temperature(logits, targets, classes_.size());
}

nlohmann::ordered_json ClassScorer::per_class() const {
  auto rows = nlohmann::ordered_json::array();
  const auto scores = class_counts(confusion_);
  for (size_t i = 0; i < scores.size(); ++i)
    rows.push_back({{"class", classes_.names()[i]},
                    {"records", scores[i].expected},
                    {"precision", scores[i].precision()},
                    {"recall", scores[i].recall()},
                    {"f1", scores[i].f1()}});
  return rows;
}

std::string ClassScorer::details() const {
  return nlohmann::ordered_json{{"classes", per_class()}, {"confusion", confusion_.counts}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ClassScorer::report() const {
  std::string text = "\n records precision    recall        f1  class\n";
  for (const auto& row : per_class()) {
    char line[80];
    std::snprintf(line, sizeof line, "%8lld %9.4f %9.4f %9.4f  ", row["records"].get<long long>(),
                  row["precision"].get<double>(), row["recall"].get<double>(),
                  row["f1"].get<double>());
    text += line + printable(row["class"].get<std::string>()) + "\n";
  }
  return text;
}

/// Confusion, precision beside recall of each class against the others, and how often a class of
/// some probability is right.
std::vector<Plot> ClassScorer::plots() const {
  std::vector<double> confidence;
  std::vector<int64_t> right;
  Plot curves{.title = "precision beside recall", .x = "recall", .y = "precision", .unit = true};
  const bool two = classes_.size() == 2;
  // More classes than colours are too many lines to tell apart.
  const bool each = !two && classes_.size() <= Plot::kMostCurves;
  for (int64_t k = two ? 1 : 0; k < (two || each ? classes_.size() : 0); ++k) {
    std::vector<double> scores;
    std::vector<int64_t> expected;
    for (const auto& row : rows_)
      scores.push_back(row.probabilities[k].item<double>()), expected.push_back(row.target == k);
    auto curve = precision_recall_curve(scores, expected);
    curves.curves.push_back(
        {classes_.name(k), std::move(curve.recall), std::move(curve.precision)});
  }
  for (const auto& row : rows_) {
    confidence.push_back(row.confidence());
    right.push_back(row.target == row.found);
  }
  const auto calibration = calibration_curve(confidence, right);
  std::vector<Plot> all{{.title = "confusion",
                         .x = "predicted",
                         .y = "expected",
                         .names = classes_.names(),
                         .counts = confusion_.counts}};
  if (!curves.curves.empty()) all.push_back(std::move(curves));
  all.push_back({.title = "calibration",
                 .x = "probability of the predicted class",
                 .y = "share right",
                 .curves = {{"", calibration.probability, calibration.positive}},
                 .unit = true,
                 .diagonal = true});
  return all;
}

}  // namespace

std::unique_ptr<Scorer> make_class_scorer(const Classes& classes, ClassOutputOf output,
                                          const ClassScoring& scoring) {
  return std::make_unique<ClassScorer>(classes, std::move(output), scoring);
}

}  // namespace heed
