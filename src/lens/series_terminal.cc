// Values along time in a terminal.
#include <algorithm>
#include <cmath>

#include "lens/columns.h"
#include "lens/page.h"
#include "lens/series_rows.h"
#include "lens/terminal_cells.h"

namespace heed::lens {
namespace {

/// The value with the greatest size in each of `width` equal parts of the time; NaN where none is.
std::vector<double> strongest_along(const SeriesRow& row, TimeRange time, int64_t width) {
  std::vector<double> result(static_cast<size_t>(width), std::nan(""));
  const auto column = [&](double at) {
    const double part = (at - time.begin) / (time.end - time.begin);
    return std::clamp<int64_t>(static_cast<int64_t>(part * double(width)), 0, width - 1);
  };
  for (size_t i = 0; i < row.values.size(); ++i) {
    const double end = std::nextafter(row.edges[i + 1], row.edges[i]);
    for (int64_t x = column(row.edges[i]); x <= column(end); ++x) {
      auto& value = result[static_cast<size_t>(x)];
      if (std::isnan(value) || std::abs(row.values[i]) > std::abs(value)) value = row.values[i];
    }
  }
  return result;
}

std::string strip_of_time(const std::vector<double>& values, const Scale& scale,
                          const Terminal& terminal) {
  std::string strip;
  for (const double value : values) {
    const double part = scale.high > 0 ? value / scale.high : 0;
    if (terminal.colours == Colours::plain)
      strip += std::isnan(value) ? '/' : shade(std::abs(part));
    else
      strip += escape(48, std::isnan(value) ? kLeftOut : paper(part), terminal.colours) + " ";
  }
  return terminal.colours == Colours::plain ? strip : strip + std::string(kReset);
}

/// Below a strip without colours: a minus where a value is below 0.
std::string signs_of(const std::vector<double>& values) {
  std::string signs;
  for (const double value : values) signs += value < 0 ? '-' : ' ';
  return signs.erase(signs.find_last_not_of(' ') + 1);
}

}  // namespace

std::string to_text(const SeriesFigure& figure, const Terminal& terminal) {
  check(figure);
  const int64_t width = std::max<int64_t>(terminal.width, 12);
  std::string text;
  const auto paragraph = [&](const std::string& words) {
    for (const auto& line : wrapped(words, width)) text += line + '\n';
  };
  paragraph(figure.title);
  for (const auto& line : figure.lines) paragraph(line);
  const TimeRange time = time_of(figure);
  for (const auto& row : figure.rows) {
    if (row.values.empty()) continue;
    text += '\n';
    if (!row.label.empty()) paragraph(row.label);
    const Scale scale = scale_of(row);
    const auto values = strongest_along(row, time, width);
    text += strip_of_time(values, scale, terminal) + '\n';
    const auto signs = signs_of(values);
    if (terminal.colours == Colours::plain && !signs.empty()) text += signs + '\n';
    paragraph(
        joined({number(time.begin) + " to " + number(time.end) + " " + figure.unit,
                "colours from " + number(scale.low) + " to " + number(scale.high), row.note}));
  }
  return text;
}

}  // namespace heed::lens
