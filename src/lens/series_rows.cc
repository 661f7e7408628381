#include "lens/series_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

bool ascends(const std::vector<double>& times) {
  for (size_t i = 0; i < times.size(); ++i)
    if (!std::isfinite(times[i]) || (i > 0 && !(times[i] > times[i - 1]))) return false;
  return true;
}

void check_series_row(const SeriesRow& row) {
  const std::string name = "row '" + row.label + "' of a figure of series: ";
  const auto given = [](const char* a, size_t i, const char* b, size_t j) {
    return "given " + std::to_string(i) + " " + a + " and " + std::to_string(j) + " " + b;
  };
  if (row.curve.empty() && row.values.empty() && !row.spectrogram.defined())
    throw UsageError(name + "expected a curve, a spectrogram or values, given none");
  if (row.curve.size() != row.times.size())
    throw UsageError(name + "expected as many times as points of the curve, " +
                     given("points", row.curve.size(), "times", row.times.size()));
  if (!row.values.empty() && row.edges.size() != row.values.size() + 1)
    throw UsageError(name + "expected one edge more than values, " +
                     given("values", row.values.size(), "edges", row.edges.size()));
  if (!ascends(row.times)) throw UsageError(name + "expected times that ascend");
  if (!ascends(row.edges)) throw UsageError(name + "expected edges that ascend");
  if (!row.spectrogram.defined()) return;
  if (!row.curve.empty()) throw UsageError(name + "expected a curve or a spectrogram, given both");
  if (row.spectrogram.dim() != 2 || row.spectrogram.numel() == 0 || !(row.end > row.begin))
    throw UsageError(name +
                     "expected a spectrogram (bins, frames), neither 0, that ends after it "
                     "begins, given shape " +
                     c10::str(row.spectrogram.sizes()) + " from " + std::to_string(row.begin) +
                     " to " + std::to_string(row.end));
}

}  // namespace

void check(const SeriesFigure& figure) {
  if (figure.rows.empty()) throw UsageError("a figure of series needs a row");
  for (const auto& row : figure.rows) check_series_row(row);
}

TimeRange time_of(const SeriesFigure& figure) {
  TimeRange time{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  const auto take = [&](double begin, double end) {
    time = {std::min(time.begin, begin), std::max(time.end, end)};
  };
  for (const auto& row : figure.rows) {
    if (!row.times.empty()) take(row.times.front(), row.times.back());
    if (!row.values.empty()) take(row.edges.front(), row.edges.back());
    if (row.spectrogram.defined()) take(row.begin, row.end);
  }
  if (time.end == time.begin) time.end = time.begin + std::max(1.0, std::abs(time.begin));
  return time;
}

std::vector<Stretch> stretches_of(const SeriesRow& row, TimeRange time) {
  std::vector<Stretch> all;
  const double part = (time.end - time.begin) / double(kMostStretches);
  const bool many = std::ssize(row.values) > kMostStretches;
  for (size_t i = 0; i < row.values.size(); ++i) {
    const Stretch one{row.edges[i], row.edges[i + 1], row.values[i]};
    const bool same = many && !all.empty() && one.end - all.back().begin <= part;
    if (!same) {
      all.push_back(one);
      continue;
    }
    auto& last = all.back();
    last.end = one.end;
    if (std::isnan(last.value) || std::abs(one.value) > std::abs(last.value))
      last.value = one.value;
  }
  return all;
}

Scale scale_of(const SeriesRow& row) {
  const auto [least, most] = range_of(row.values);
  const bool two = row.is_signed || least < 0;
  const double high = std::max(std::abs(least), std::abs(most));
  return {two ? -high : 0, high, two};
}

std::pair<double, double> range_of(const std::vector<double>& values) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double value : values)
    if (std::isfinite(value)) least = std::min(least, value), most = std::max(most, value);
  return least <= most ? std::pair{least, most} : std::pair{0.0, 0.0};
}

std::vector<std::vector<std::pair<double, double>>> runs_of(const SeriesRow& row, TimeRange time) {
  std::vector<std::vector<std::pair<double, double>>> runs;
  const double part = (time.end - time.begin) / double(kMostStretches);
  const bool many = std::ssize(row.curve) > 2 * kMostStretches;
  bool gap = true;
  for (size_t i = 0; i < row.curve.size();) {
    if (!std::isfinite(row.curve[i])) {
      gap = true, ++i;
      continue;
    }
    size_t end = i + 1;  // of the points under one pixel
    while (many && end < row.curve.size() && std::isfinite(row.curve[end]) &&
           row.times[end] - row.times[i] <= part)
      ++end;
    const auto [least, most] = std::minmax_element(row.curve.begin() + std::ptrdiff_t(i),
                                                   row.curve.begin() + std::ptrdiff_t(end));
    if (gap) runs.emplace_back();
    runs.back().emplace_back(row.times[i], *least);
    if (end > i + 1) runs.back().emplace_back(row.times[end - 1], *most);
    gap = false, i = end;
  }
  return runs;
}

}  // namespace heed::lens
