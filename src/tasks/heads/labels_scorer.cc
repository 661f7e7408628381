#include "tasks/heads/labels_scorer.h"

#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "core/printable.h"
#include "heed/metrics/classification.h"
#include "heed/metrics/curves.h"
#include "heed/metrics/multilabel.h"
#include "heed/metrics/plot.h"
#include "tasks/collected.h"

namespace heed {
namespace {

class LabelsScorer : public Scorer {
 public:
  LabelsScorer(const LabelSets& sets, double threshold, LabelsOutputOf output)
      : sets_(sets), threshold_(threshold), output_(std::move(output)) {}

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto [logits, targets, unseen, records] = output_(tokens, batch);
    loss_ += at::binary_cross_entropy_with_logits(logits, targets.to(logits.dtype()), {}, {},
                                                  at::Reduction::Sum)
                 .item<double>();
    const auto scores = logits.sigmoid().to(at::kDouble).contiguous();
    const auto known = targets.to(at::kLong).contiguous();
    const int64_t K = labels();
    for (int64_t i = 0; i < logits.size(0); ++i) {
      const auto* score = scores.data_ptr<double>() + i * K;
      const auto* target = known.data_ptr<int64_t>() + i * K;
      rows_.push_back({records[i].item<int64_t>(),
                       {score, score + K},
                       {target, target + K},
                       unseen[i].item<int64_t>()});
    }
  }

  bool collected(Collected& state) override {
    state(loss_), state(rows_);
    return true;
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
    Metrics all{{"micro_f1", micro_f1(with_unseen(counts_))},
                {"macro_f1", macro_f1(counts_)},
                {"average_precision", label_average_precision(scores_, expected_, labels())},
                {"subset_accuracy", subset_accuracy_of(predicted_)},
                {"loss", loss_ / static_cast<double>(scores_.size())}};
    if (unseen() > 0) all.emplace_back("unseen", static_cast<double>(unseen()));
    return all;
  }

  /// The most frequent set of training for every example.
  Metrics baseline() const override {
    const auto set = sets_.row(sets_.most_frequent, "");
    std::vector<int64_t> all;
    for (size_t i = 0; i < rows_.size(); ++i) all.insert(all.end(), set.begin(), set.end());
    const auto counts = label_counts(all, expected_, labels());
    return {{"baseline_micro_f1", micro_f1(with_unseen(counts))},
            {"baseline_macro_f1", macro_f1(counts)},
            {"baseline_subset_accuracy", subset_accuracy_of(all)}};
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
    int64_t unseen;

    template <class V>
    void members(V& v) {
      v(record), v(scores), v(expected), v(unseen);
    }
  };

  int64_t labels() const { return sets_.labels.size(); }
  int64_t unseen() const {
    int64_t count = 0;
    for (const auto& row : rows_) count += row.unseen;
    return count;
  }
  std::vector<MatchCounts> with_unseen(std::vector<MatchCounts> counts) const {
    counts.push_back({.expected = unseen()});
    return counts;
  }
  /// Labels that training never saw are one more, which is never predicted.
  double subset_accuracy_of(const std::vector<int64_t>& predicted) const {
    std::vector<int64_t> found, wanted;
    auto next = predicted.begin();
    for (const auto& row : rows_) {
      found.insert(found.end(), next, next + labels());
      wanted.insert(wanted.end(), row.expected.begin(), row.expected.end());
      next += labels(), found.push_back(0), wanted.push_back(row.unseen > 0);
    }
    return subset_accuracy(found, wanted, labels() + 1);
  }
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
  LabelsOutputOf output_;
  double loss_ = 0;
  std::vector<Row> rows_;
  std::vector<double> scores_;
  std::vector<int64_t> predicted_, expected_;
  std::vector<MatchCounts> counts_;
};

}  // namespace

std::unique_ptr<Scorer> make_labels_scorer(const LabelSets& sets, double threshold,
                                           LabelsOutputOf output) {
  return std::make_unique<LabelsScorer>(sets, threshold, std::move(output));
}

}  // namespace heed
