// Metrics of values, line by line: classes, labels, scores, numbers.
#include <algorithm>
#include <map>
#include <set>

#include "heed/core/error.h"
#include "heed/metrics/classification.h"
#include "heed/metrics/correlation.h"
#include "heed/metrics/curves.h"
#include "heed/metrics/forecast.h"
#include "heed/metrics/multilabel.h"
#include "heed/metrics/ranking.h"
#include "score.h"
#include "score_files.h"

namespace heed::cli {
namespace {

/// Lines of both files, as many in each.
std::pair<std::vector<std::string>, std::vector<std::string>> lines_of_both(
    const ScoreFlags& flags) {
  auto predicted = lines_of_file(flags.predicted), expected = lines_of_file(flags.references[0]);
  check_same_length(flags.predicted, predicted.size(), flags.references[0], expected.size(),
                    "lines");
  return {std::move(predicted), std::move(expected)};
}

std::pair<NumberTable, NumberTable> tables_of_both(const ScoreFlags& flags) {
  auto predicted = numbers_of_file(flags.predicted),
       expected = numbers_of_file(flags.references[0]);
  check_same_length(flags.predicted, predicted.rows, flags.references[0], expected.rows, "lines");
  return {std::move(predicted), std::move(expected)};
}

std::pair<std::vector<double>, std::vector<double>> numbers_of_both(const ScoreFlags& flags) {
  const auto [predicted, expected] = tables_of_both(flags);
  return {column_of(predicted), column_of(expected)};
}

/// The names' places in `names`, which holds them all.
std::vector<int64_t> numbered(const std::vector<std::string>& lines,
                              const std::map<std::string, int64_t>& names) {
  std::vector<int64_t> numbers;
  for (const auto& line : lines) numbers.push_back(names.at(line));
  return numbers;
}

std::map<std::string, int64_t> numbers_of(const std::set<std::string>& names) {
  std::map<std::string, int64_t> numbers;
  for (const auto& name : names) numbers.emplace(name, std::ssize(numbers));
  return numbers;
}

/// Of each name: precision, recall, F1, how often it is expected.
ScoreRow by_name(const std::map<std::string, int64_t>& names,
                 const std::vector<MatchCounts>& counts) {
  ScoreRow rows = ScoreRow::object();
  for (const auto& [name, number] : names) {
    const auto& count = counts[static_cast<size_t>(number)];
    rows[name] = {{"precision", count.precision()},
                  {"recall", count.recall()},
                  {"f1", count.f1()},
                  {"expected", count.expected}};
  }
  return rows;
}

std::set<std::string> labels_of(const std::string& line) {
  std::set<std::string> labels;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(',', at), line.size());
    const auto first = std::min(line.find_first_not_of(' ', at), end);
    const auto last = line.find_last_not_of(' ', end == 0 ? 0 : end - 1);
    if (first < end) labels.insert(line.substr(first, last + 1 - first));
    at = end + 1;
  }
  return labels;
}

/// (lines, labels) of 0 and 1.
std::vector<int64_t> label_table(const std::vector<std::string>& lines,
                                 const std::map<std::string, int64_t>& names) {
  std::vector<int64_t> table(lines.size() * names.size());
  for (size_t i = 0; i < lines.size(); ++i)
    for (const auto& label : labels_of(lines[i]))
      table[i * names.size() + static_cast<size_t>(names.at(label))] = 1;
  return table;
}

/// Whether each line's largest number stands in the right column, and that number.
std::pair<std::vector<double>, std::vector<int64_t>> choices(const NumberTable& table,
                                                             const std::vector<int64_t>& expected) {
  std::vector<double> confidence;
  std::vector<int64_t> correct;
  for (size_t i = 0; i < table.rows; ++i) {
    const auto begin = table.values.begin() + static_cast<std::ptrdiff_t>(i * table.columns);
    const auto best = std::max_element(begin, begin + static_cast<std::ptrdiff_t>(table.columns));
    confidence.push_back(*best);
    correct.push_back(best - begin == expected[i] ? 1 : 0);
  }
  return {confidence, correct};
}

std::string short_number(double value) {
  std::string text = rounded(value, 6);
  text.erase(text.find_last_not_of('0') + 1);
  return text.back() == '.' ? text + "0" : text;
}

}  // namespace

ScoreRow classes_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = lines_of_both(flags);
  std::set<std::string> all(predicted.begin(), predicted.end());
  all.insert(expected.begin(), expected.end());
  const auto names = numbers_of(all);
  const auto matrix =
      confusion_matrix(numbered(predicted, names), numbered(expected, names), std::ssize(names));
  auto row = row_of("classes", "",
                    {{"accuracy", accuracy(matrix)},
                     {"macro_f1", macro_f1(matrix)},
                     {"micro_f1", micro_f1(matrix)},
                     {"mcc", matthews_correlation(matrix)}});
  row["classes"] = by_name(names, class_counts(matrix));
  return row;
}

ScoreRow labels_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = lines_of_both(flags);
  std::set<std::string> all;
  for (const auto* lines : {&predicted, &expected})
    for (const auto& line : *lines) all.merge(labels_of(line));
  if (all.empty())
    throw DataError(flags.predicted + " and " + flags.references[0] +
                    ": expected labels with commas between, given none on any line");
  const auto names = numbers_of(all);
  const auto own = label_table(predicted, names), right = label_table(expected, names);
  const auto counts = label_counts(own, right, std::ssize(names));
  auto row = row_of("labels", "",
                    {{"micro_f1", micro_f1(counts)},
                     {"macro_f1", macro_f1(counts)},
                     {"subset_accuracy", subset_accuracy(own, right, std::ssize(names))}});
  row["labels"] = by_name(names, counts);
  return row;
}

ScoreRow auc_row(const ScoreFlags& flags) {
  const auto [scores, expected] = tables_of_both(flags);
  const auto columns = static_cast<int64_t>(scores.columns);
  if (columns == 1) {
    const auto right = indices_of(expected);
    return row_of("auc", "",
                  {{"roc_auc", roc_auc(scores.values, right)},
                   {"average_precision", average_precision(scores.values, right)}});
  }
  std::vector<int64_t> table(scores.values.size());
  if (expected.columns == scores.columns) {
    std::ranges::transform(expected.values, table.begin(), [](double x) {
      return x == 0 ? 0 : x == 1 ? 1 : 2;
    });
    return row_of("auc", "labels:" + std::to_string(columns),
                  {{"average_precision", label_average_precision(scores.values, table, columns)}});
  }
  const auto right = indices_of(expected);
  const double area = roc_auc_one_vs_rest(scores.values, right, columns);
  for (size_t i = 0; i < right.size(); ++i)
    table[i * scores.columns + static_cast<size_t>(right[i])] = 1;
  return row_of("auc", "classes:" + std::to_string(columns),
                {{"roc_auc", area},
                 {"average_precision", label_average_precision(scores.values, table, columns)}});
}

ScoreRow probabilities_row(const ScoreFlags& flags) {
  constexpr int64_t kBins = 15;
  auto [table, expected] = tables_of_both(flags);
  const auto right = indices_of(expected);
  if (table.columns == 1) {  // of class 1; class 0 has the rest
    std::vector<double> both;
    for (const double p : table.values) both.push_back(1 - p), both.push_back(p);
    table.values = both, table.columns = 2;
  }
  const auto classes = static_cast<int64_t>(table.columns);
  const double loss = log_loss(table.values, right, classes);
  const auto [confidence, correct] = choices(table, right);
  double hits = 0;
  for (const int64_t hit : correct) hits += static_cast<double>(hit);
  const auto curve = calibration_curve(confidence, correct, kBins);
  auto row = row_of(
      "probabilities", "bins:" + std::to_string(kBins),
      {{"accuracy", hits / static_cast<double>(correct.size())},
       {"log_loss", loss},
       {"expected_calibration_error", expected_calibration_error(confidence, correct, kBins)}});
  row["calibration"] = {
      {"confidence", curve.probability}, {"accuracy", curve.positive}, {"records", curve.records}};
  return row;
}

ScoreRow regression_row(const ScoreFlags& flags) {
  const auto [f, y] = numbers_of_both(flags);
  Metrics values = {{"mse", mean_squared_error(f, y)},
                    {"mae", mean_absolute_error(f, y)},
                    {"rmse", root_mean_squared_error(f, y)},
                    {"r2", r_squared(f, y)},
                    {"smape", symmetric_mape(f, y)}};
  if (flags.history.empty()) return row_of("regression", "", values);
  const auto history = column_of(numbers_of_file(flags.history));
  values.emplace_back("mase", mean_absolute_scaled_error(f, y, history, flags.season));
  return row_of("regression", "season:" + std::to_string(flags.season), values);
}

ScoreRow correlation_row(const ScoreFlags& flags) {
  const auto [predicted, expected] = numbers_of_both(flags);
  return row_of(
      "correlation", "",
      {{"pearson", pearson(predicted, expected)}, {"spearman", spearman(predicted, expected)}});
}

ScoreRow quantiles_row(const ScoreFlags& flags) {
  const auto [table, expected] = tables_of_both(flags);
  const auto right = column_of(expected);
  if (table.columns != flags.quantiles.size())
    throw DataError(flags.predicted + ": expected a column for each of the " +
                    std::to_string(flags.quantiles.size()) + " --quantiles, given " +
                    std::to_string(table.columns));
  std::vector<std::vector<double>> columns(table.columns);
  for (size_t i = 0; i < table.values.size(); ++i)
    columns[i % table.columns].push_back(table.values[i]);
  Metrics values;
  double sum = 0;
  for (size_t c = 0; c < columns.size(); ++c) {
    values.emplace_back("pinball_" + short_number(flags.quantiles[c]),
                        pinball_loss(columns[c], right, flags.quantiles[c]));
    sum += values.back().second;
  }
  values.emplace_back("pinball", sum / static_cast<double>(columns.size()));
  if (columns.size() > 1)
    values.emplace_back("coverage", coverage(columns.front(), columns.back(), right));
  return row_of("quantiles", "", values);
}

ScoreRow ranking_row(const ScoreFlags& flags) {
  const auto [table, expected] = tables_of_both(flags);
  const std::vector<float> scores(table.values.begin(), table.values.end());
  const auto ranks = ranks_of(scores, indices_of(expected));
  const auto k = "@" + std::to_string(flags.k);
  return row_of("ranking", "items:" + std::to_string(table.columns) + "|ties:last",
                {{"hr" + k, hit_rate(ranks, flags.k)},
                 {"ndcg" + k, ndcg(ranks, flags.k)},
                 {"mrr", mean_reciprocal_rank(ranks)}});
}

}  // namespace heed::cli
