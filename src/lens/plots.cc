#include "heed/lens/plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "heed/core/error.h"
#include "heed/lens/canvas.h"
#include "heed/lens/draw.h"

namespace heed::lens {
namespace {

constexpr int64_t kPanel = 560, kLeft = 96, kTop = 64, kRight = 24, kBottom = 64;
constexpr int64_t kArea = kPanel - kLeft - kRight;  // also of the height
constexpr int64_t kPanelHeight = kTop + kArea + kBottom;
constexpr int64_t kPlotScale = 2, kCharacter = kFontAdvance * kPlotScale,
                  kPlotLine = kFontHeight * kPlotScale;
constexpr int64_t kAxisSteps = 5;  // of an axis
constexpr Colour kGrid{225, 225, 228}, kDiagonal{150, 150, 156};
constexpr std::array<Colour, Plot::kMostCurves> kColours{{{0, 114, 178},
                                                          {213, 94, 0},
                                                          {0, 158, 115},
                                                          {204, 121, 167},
                                                          {230, 159, 0},
                                                          {86, 180, 233},
                                                          {120, 110, 20},
                                                          {32, 32, 36}}};

std::string shortened(const std::string& text, int64_t pixels) {
  const int64_t room = std::max<int64_t>(1, pixels / kCharacter);
  if (characters(text) <= room) return text;
  size_t end = 0;
  for (int64_t seen = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<uint8_t>(text[end]) & 0xC0) != 0x80;
    if (begins && seen++ == room - 1) break;
  }
  return text.substr(0, end) + ".";
}

void text_around(Canvas& canvas, int64_t x, int64_t y, const std::string& text,
                 Colour colour = kInk) {
  canvas.text(x - characters(text) * kCharacter / 2, y, text, kPlotScale, colour);
}
void text_left_of(Canvas& canvas, int64_t x, int64_t y, const std::string& text) {
  canvas.text(x - characters(text) * kCharacter, y, text, kPlotScale);
}

/// White at 0 to dark blue at 1.
Colour share_colour(double share) {
  const auto between = [&](double from, double to) {
    return static_cast<uint8_t>(std::lround(from + share * (to - from)));
  };
  return {between(255, 8), between(255, 64), between(255, 129)};
}

void draw_table(Canvas& canvas, const Plot& plot) {
  const auto count = std::ssize(plot.names);
  if (count == 0 || std::ssize(plot.counts) != count * count)
    throw UsageError("plot '" + plot.title + "': expected counts of " + std::to_string(count) +
                     " x " + std::to_string(count) + ", given " +
                     std::to_string(plot.counts.size()));
  const auto edge = [&](int64_t i) { return i * kArea / count; };
  const int64_t side = kArea / count;
  for (int64_t row = 0; row < count; ++row) {
    const auto* cells = plot.counts.data() + row * count;
    int64_t sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += cells[i];
    for (int64_t column = 0; column < count; ++column) {
      const int64_t x = kLeft + edge(column), y = kTop + edge(row);
      const double share =
          sum > 0 ? static_cast<double>(cells[column]) / static_cast<double>(sum) : 0;
      canvas.fill(x, y, edge(column + 1) - edge(column), edge(row + 1) - edge(row),
                  share_colour(share));
      const auto text = std::to_string(cells[column]);
      if (side > kPlotLine && side > std::ssize(text) * kCharacter)
        text_around(canvas, x + side / 2, y + (side - kPlotLine) / 2, text,
                    share > 0.5 ? kWhite : kInk);
    }
    if (side < kPlotLine) continue;  // names would lie on each other
    const auto& name = plot.names[static_cast<size_t>(row)];
    text_left_of(canvas, kLeft - 6, kTop + edge(row) + (side - kPlotLine) / 2,
                 shortened(name, kLeft - 8));
    text_around(canvas, kLeft + edge(row) + side / 2, kTop + kArea + 8, shortened(name, side - 4));
  }
}

struct Axis {
  double least = 0, most = 1;

  int64_t at(double value) const {
    return std::lround((value - least) / (most - least) * static_cast<double>(kArea - 1));
  }
  std::string text(int64_t step) const {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g",
                  least + (most - least) * static_cast<double>(step) / kAxisSteps);
    return text;
  }
};

Axis axis_of(const Plot& plot, bool of_x) {
  if (plot.unit) return {};
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const auto& curve : plot.curves) {
    for (const auto* values : {&curve.x, &curve.y}) {
      if (!plot.diagonal && (values == &curve.x) != of_x) continue;  // else both axes are alike
      for (const double value : *values)
        if (std::isfinite(value)) least = std::min(least, value), most = std::max(most, value);
    }
  }
  if (least > most)
    throw UsageError("plot '" + plot.title + "': expected at least one finite value");
  if (least == most) least -= 0.5, most += 0.5;
  return {least, most};
}

void draw_line(Canvas& canvas, int64_t x0, int64_t y0, int64_t x1, int64_t y1, int64_t thick,
               Colour colour) {
  const int64_t steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), int64_t{1}});
  for (int64_t i = 0; i <= steps; ++i)
    canvas.fill(x0 + (x1 - x0) * i / steps - thick / 2, y0 + (y1 - y0) * i / steps - thick / 2,
                thick, thick, colour);
}

void draw_axes(Canvas& canvas, const Axis& x, const Axis& y) {
  for (int64_t step = 0; step <= kAxisSteps; ++step) {
    const int64_t at = step * (kArea - 1) / kAxisSteps, bottom = kTop + kArea - 1;
    canvas.fill(kLeft + at, kTop, 1, kArea, kGrid);
    canvas.fill(kLeft, bottom - at, kArea, 1, kGrid);
    text_around(canvas, kLeft + at, bottom + 8, x.text(step));
    text_left_of(canvas, kLeft - 6, bottom - at - kPlotLine / 2, y.text(step));
  }
}

void draw_curves(Canvas& canvas, const Plot& plot) {
  const auto x = axis_of(plot, true), y = axis_of(plot, false);
  const int64_t bottom = kTop + kArea - 1;
  draw_axes(canvas, x, y);
  if (plot.diagonal) draw_line(canvas, kLeft, bottom, kLeft + kArea - 1, kTop, 1, kDiagonal);
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    const auto& curve = plot.curves[i];
    const auto colour = kColours[i % kColours.size()];
    bool has_last = false;
    int64_t last_x = 0, last_y = 0;
    for (size_t j = 0; j < std::min(curve.x.size(), curve.y.size()); ++j) {
      if (!std::isfinite(curve.x[j]) || !std::isfinite(curve.y[j])) continue;
      const int64_t to_x = kLeft + x.at(curve.x[j]), to_y = bottom - y.at(curve.y[j]);
      if (plot.points)
        canvas.fill(to_x - 1, to_y - 1, 3, 3, colour);
      else if (has_last)
        draw_line(canvas, last_x, last_y, to_x, to_y, 2, colour);
      has_last = true, last_x = to_x, last_y = to_y;
    }
    if (!curve.name.empty())
      canvas.text(kLeft + 12,
                  bottom - kPlotLine * (std::ssize(plot.curves) - static_cast<int64_t>(i)),
                  shortened(curve.name, kArea - 16), kPlotScale, colour);
  }
}

Canvas plot_panel(const Plot& plot) {
  Canvas canvas(kPanel, kPanelHeight);
  canvas.text(kLeft, 6, shortened(plot.title, kPanel - kLeft), kPlotScale);
  if (plot.names.empty())
    draw_curves(canvas, plot);
  else
    draw_table(canvas, plot);
  text_around(canvas, kLeft + kArea / 2, kTop + kArea + 34, plot.x);
  canvas.text(4, kTop - 2 * kPlotLine, shortened(plot.y, kLeft + 60), kPlotScale);
  return canvas;
}

}  // namespace

std::string to_png(const std::vector<Plot>& plots) {
  if (plots.empty()) throw UsageError("expected at least one plot to draw, given none");
  Canvas page(kPanel * std::ssize(plots), kPanelHeight);
  for (size_t i = 0; i < plots.size(); ++i)
    page.paste(plot_panel(plots[i]), kPanel * static_cast<int64_t>(i), 0);
  return encode_png(page);
}

}  // namespace heed::lens
