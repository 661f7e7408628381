#include "tasks/inputs/series_facts.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int64_t kShownSeries = 5;
constexpr double kLeastDeviation = 1e-12;  // beside the mean: rounding of a constant

/// Of rows of (C, T), taken in twice: for the means, then for the deviations.
struct Moments {
  at::Tensor count, mean, square;  // (C) double

  void add_values(const at::Tensor& values) {
    const auto counts = values.isnan().logical_not().sum(1).to(at::kDouble);
    const auto sums = values.nan_to_num(0).sum(1);
    count = count.defined() ? count + counts : counts;
    mean = mean.defined() ? mean + sums : sums;
  }
  void add_squares(const at::Tensor& values) {
    const auto squares = (values - mean.unsqueeze(1)).nan_to_num(0).square().sum(1);
    square = square.defined() ? square + squares : squares;
  }
};

std::vector<double> numbers_of(const at::Tensor& values) {
  const auto* first = values.data_ptr<double>();
  return {first, first + values.numel()};
}

std::string line_of(const SeriesRows& rows, int64_t missing) {
  std::string line = rows.facts.name + ": " + std::to_string(rows.size()) + " rows, " +
                     rows.time(0) + " .. " + rows.time(rows.size() - 1);
  if (missing > 0) line += ", " + std::to_string(missing) + " missing values";
  if (rows.facts.moved > 0) line += ", " + std::to_string(rows.facts.moved) + " out of order";
  return line;
}

}  // namespace

std::pair<std::vector<double>, std::vector<double>> series_scale(
    const SeriesSplit& split, at::Tensor SeriesRows::*of, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  Moments found;
  const auto covered = split.covered();
  std::string place;
  const auto each = [&](auto&& use) {
    for (size_t i = 0; i < covered.size(); ++i) {
      const auto [first, last] = covered[i];
      if (last == 0) continue;
      if (place.empty()) place = split.rows()[i].place(first);
      use((split.rows()[i].*of).slice(1, first, last));
    }
  };
  each([&](const at::Tensor& values) { found.add_values(values); });
  found.mean = found.mean / found.count.clamp_min(1);
  each([&](const at::Tensor& values) { found.add_squares(values); });
  const auto count = numbers_of(found.count), means = numbers_of(found.mean);
  const auto deviations = numbers_of((found.square / found.count.clamp_min(1)).sqrt());
  for (size_t c = 0; c < names.size(); ++c) {
    if (deviations[c] > kLeastDeviation * std::abs(means[c])) continue;
    throw DataError(
        place + ": column '" + names[c] + "' " +
        (count[c] == 0 ? "has no value" : "is " + nlohmann::json(means[c]).dump()) +
        " in all rows that are learned from, from this one on, so it has no scale; name "
        "the other columns in input.values, or keep values as they are by "
        "input.standardize = \"none\"");
  }
  return {means, deviations};
}

DataReport report_of(const std::vector<SeriesRows>& all, const SeriesInputOptions& options) {
  DataReport report;
  std::vector<std::string> lines;
  auto json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& rows = all[i];
    const auto missing = rows.facts.missing.sum().item<int64_t>();
    const auto irregular = irregular_steps(rows);
    report.records += rows.size();
    json.push_back({{"series", rows.facts.name},
                    {"rows", rows.size()},
                    {"first", rows.time(0)},
                    {"last", rows.time(rows.size() - 1)},
                    {"missing", missing},
                    {"gaps", rows.facts.steps.gaps},
                    {"repeats", rows.facts.steps.repeats},
                    {"moved", rows.facts.moved}});
    if (options.steps == SeriesSteps::regular && !irregular.empty() &&
        report.problem_count++ < kShownSeries)
      report.problems.push_back(rows.facts.name + ": " + irregular.front());
    if (static_cast<int64_t>(i) >= kShownSeries) continue;
    lines.push_back(line_of(rows, missing));
    for (const auto& other : irregular) lines.push_back("  " + other);
  }
  report.lines = {std::to_string(report.records) + " records, " + std::to_string(all.size()) +
                  " series"};
  report.lines.insert(report.lines.end(), lines.begin(), lines.end());
  if (std::ssize(all) > kShownSeries)
    report.lines.push_back("and " + std::to_string(std::ssize(all) - kShownSeries) +
                           " more series");
  report.json = nlohmann::ordered_json{{"series", json}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
  return report;
}

}  // namespace heed
