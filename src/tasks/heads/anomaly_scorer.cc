#include "tasks/heads/anomaly_scorer.h"

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "core/as_line.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/metrics/nab.h"
#include "tasks/heads/error_tail.h"

namespace heed {
namespace {

constexpr size_t kTimeCharacters = 19;  // "2014-04-10 07:15:00", without fractions of seconds

using Windows = std::vector<std::pair<int64_t, int64_t>>;

/// The row of the first time that is `text`; -1: none.
int64_t row_at(const SeriesRows& rows, const std::string& text) {
  for (int64_t row = 0; row < rows.size(); ++row)
    if (rows.time(row) == text) return row;
  return -1;
}

/// Windows of each series of the split, by NAB's file of labels.
std::vector<Windows> read_windows(const std::vector<SeriesRows>& series, const std::string& file) {
  const auto json = nlohmann::json::parse(read_text(file), nullptr, false);
  const auto refuse = [&](const std::string& what) { throw DataError(file + ": " + what); };
  if (!json.is_object())
    refuse("expected NAB's labels/combined_windows.json, {file: [[first time, last time], ...]}");
  std::vector<Windows> all;
  for (const auto& rows : series) {
    const nlohmann::json* found = nullptr;
    for (const auto& [name, windows] : json.items())
      if (rows.facts.name == name || rows.facts.name.ends_with("/" + name)) found = &windows;
    if (!found) refuse("no windows of the series " + rows.facts.name);
    auto& windows = all.emplace_back();
    for (const auto& window : *found) {
      const bool good =
          window.is_array() && window.size() == 2 && window[0].is_string() && window[1].is_string();
      if (!good) refuse(rows.facts.name + ": expected [first time, last time]");
      int64_t ends[2];
      for (size_t side = 0; side < 2; ++side) {
        const auto time = window[side].get<std::string>().substr(0, kTimeCharacters);
        ends[side] = row_at(rows, time);
        if (ends[side] < 0)
          refuse(rows.facts.name + " has no row at " + time + ", where a window ends");
      }
      windows.emplace_back(ends[0], ends[1]);
    }
  }
  return all;
}

class AnomalyScorer : public Scorer {
 public:
  AnomalyScorer(std::shared_ptr<const SeriesSplit> split, const AnomalyRules& rules, bool quick,
                std::function<RowErrors(const Tokens&, const Batch&)> errors)
      : split_(std::move(split)), rules_(rules), quick_(quick), errors_of_(std::move(errors)) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    errors_.assign(static_cast<size_t>(split_->size()), none);
    naive_errors_ = errors_;
  }

  void add(const Tokens& tokens, const Batch& batch) override {
    const auto found = errors_of_(tokens, batch);
    const auto count = static_cast<double>(batch.size());
    loss_ += found.loss.item<double>() * count,
        naive_loss_ += found.naive_loss.item<double>() * count;
    count_ += count;
    const auto* record = batch.records.data_ptr<int64_t>();
    const auto error = found.error.contiguous(), naive = found.naive_error.contiguous();
    for (int64_t b = 0; b < batch.size(); ++b) {
      if (split_->row_number(record[b]) < split_->state().options.look_back) continue;
      errors_[static_cast<size_t>(record[b])] = error.data_ptr<double>()[b];
      naive_errors_[static_cast<size_t>(record[b])] = naive.data_ptr<double>()[b];
    }
  }

  Metrics metrics() override {
    Metrics all{{"loss", loss_ / count_}};
    if (quick_) return all;
    scores_ = scores(errors_);
    if (rules_.labels.empty()) {
      double alarms = 0;
      for (const auto& series : scores_)
        for (const double score : series) alarms += score >= rules_.threshold;
      all.emplace_back("alarms", alarms);
      return all;
    }
    windows_ = read_windows(split_->rows(), rules_.labels);
    const auto series = labelled(scores_);
    for (const auto& profile : nab_profiles()) {
      const auto best = nab_score(series, profile);
      all.emplace_back(profile.name == "standard" ? "nab" : "nab_" + profile.name, best.score);
      if (profile.name == "standard") best_ = best;
    }
    all.emplace_back("nab_at_threshold", nab_score_at(series, rules_.threshold).score);
    all.emplace_back("best_threshold", best_.threshold);
    return all;
  }

  Metrics baseline() const override {
    Metrics all{{"baseline_loss", naive_loss_ / count_}};
    if (!windows_.empty())
      all.emplace_back("baseline_nab", nab_score(labelled(scores(naive_errors_))).score);
    return all;
  }

  std::string details() const override {
    if (windows_.empty()) return "{}";
    return nlohmann::ordered_json{{"detected_in_windows", best_.true_positives},
                                  {"detected_elsewhere", best_.false_positives},
                                  {"not_detected_in_windows", best_.false_negatives}}
        .dump();
  }

  std::vector<std::string> outputs() const override {
    std::vector<std::string> lines;
    if (scores_.empty()) return lines;
    std::vector<size_t> next(scores_.size(), 0);
    for (int64_t i = 0; i < split_->size(); ++i) {
      const auto series = static_cast<size_t>(split_->window(i).series);
      const auto& rows = split_->rows_of(i);
      char numbers[64];
      std::snprintf(numbers, sizeof numbers, "\t%.6f\t%.9g", scores_[series][next[series]++],
                    errors_[static_cast<size_t>(i)]);
      lines.push_back(as_line(rows.facts.name + "\t" + rows.time(split_->window(i).row) + numbers));
    }
    return lines;
  }

 private:
  /// Of each series a score for each of its windows, in order.
  std::vector<std::vector<double>> scores(const std::vector<double>& errors) const {
    std::vector<std::vector<double>> all(split_->rows().size());
    std::vector<ErrorTail> tails(all.size(), ErrorTail(rules_.window, rules_.recent, rules_.rest));
    for (int64_t i = 0; i < split_->size(); ++i) {
      const auto series = static_cast<size_t>(split_->window(i).series);
      const double error = errors[static_cast<size_t>(i)];
      all[series].push_back(std::isnan(error) ? 0 : tails[series].add(error));
    }
    return all;
  }

  std::vector<NabSeries> labelled(const std::vector<std::vector<double>>& scores) const {
    std::vector<NabSeries> all;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (std::ssize(scores[i]) != split_->rows()[i].size())
        throw ModelError(
            "head.labels: NAB's score takes every row of a series; set input.answer = "
            "\"rows\"");
      all.push_back({scores[i], windows_[i]});
    }
    return all;
  }

  std::shared_ptr<const SeriesSplit> split_;
  AnomalyRules rules_;
  bool quick_;
  std::function<RowErrors(const Tokens&, const Batch&)> errors_of_;
  std::vector<double> errors_, naive_errors_;  // a window
  std::vector<std::vector<double>> scores_;
  std::vector<Windows> windows_;
  NabScore best_;
  double loss_ = 0, naive_loss_ = 0, count_ = 0;
};

}  // namespace

std::unique_ptr<Scorer> make_anomaly_scorer(
    std::shared_ptr<const SeriesSplit> split, const AnomalyRules& rules, bool quick,
    std::function<RowErrors(const Tokens&, const Batch&)> errors) {
  return std::make_unique<AnomalyScorer>(std::move(split), rules, quick, std::move(errors));
}

}  // namespace heed
