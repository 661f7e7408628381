#include "heed/lens/plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "heed/core/error.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr double kPanel = 560, kLeft = 96, kTop = 64, kRight = 24, kBottom = 64;
constexpr double kArea = kPanel - kLeft - kRight;  // also of the height
constexpr double kPanelHeight = kTop + kArea + kBottom;
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

/// A page of which each panel begins further right.
struct PlotPage {
  Page page{""};
  double left = 0;

  std::string shortened(const std::string& text, double pixels) {
    return page.type->cut(drawable(text), kTextSize, std::max(pixels, 1.0));
  }
  void text(double x, double middle, const std::string& text, Align align = Align::left,
            Colour colour = kInk) {
    page.add_text(left + x, middle + below_middle(kTextSize), kTextSize, text, align, colour);
  }
  void line(double x0, double y0, double x1, double y1, double thick, Colour colour) {
    page.add_line({{left + x0, y0}, {left + x1, y1}}, thick, colour);
  }
};

/// White at 0 to dark blue at 1.
Colour share_colour(double share) {
  const auto between = [&](double from, double to) {
    return static_cast<uint8_t>(std::lround(from + share * (to - from)));
  };
  return {between(255, 8), between(255, 64), between(255, 129)};
}

void draw_cells(PlotPage& to, const int64_t* cells, int64_t count, double y, double side) {
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += cells[i];
  for (int64_t column = 0; column < count; ++column) {
    const double x = kLeft + double(column) * side;
    const double share =
        sum > 0 ? static_cast<double>(cells[column]) / static_cast<double>(sum) : 0;
    to.page.add_box(to.left + x, y, side, side, share_colour(share));
    const auto text = std::to_string(cells[column]);
    if (side > leading(kTextSize) && side > to.page.type->width(text, kTextSize))
      to.text(x + side / 2, y + side / 2, text, Align::centre, share > 0.5 ? kWhite : kInk);
  }
}

void draw_table(PlotPage& to, const Plot& plot) {
  const auto count = std::ssize(plot.names);
  if (count == 0 || std::ssize(plot.counts) != count * count)
    throw UsageError("plot '" + plot.title + "': expected counts of " + std::to_string(count) +
                     " x " + std::to_string(count) + ", given " +
                     std::to_string(plot.counts.size()));
  const double side = kArea / double(count);
  for (int64_t row = 0; row < count; ++row) {
    const double y = kTop + double(row) * side;
    draw_cells(to, plot.counts.data() + row * count, count, y, side);
    if (side < leading(kTextSize)) continue;  // names would lie on each other
    const auto& name = plot.names[static_cast<size_t>(row)];
    to.text(kLeft - 6, y + side / 2, to.shortened(name, kLeft - 12), Align::right);
    to.text(kLeft + (double(row) + 0.5) * side, kTop + kArea + 16, to.shortened(name, side - 4),
            Align::centre);
  }
}

struct Axis {
  double least = 0, most = 1;

  double at(double value) const { return (value - least) / (most - least) * kArea; }
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

void draw_axes(PlotPage& to, const Axis& x, const Axis& y) {
  const double bottom = kTop + kArea;
  for (int64_t step = 0; step <= kAxisSteps; ++step) {
    const double at = double(step) * kArea / kAxisSteps;
    to.line(kLeft + at, kTop, kLeft + at, bottom, 1, kGrid);
    to.line(kLeft, bottom - at, kLeft + kArea, bottom - at, 1, kGrid);
    to.text(kLeft + at, bottom + 16, x.text(step), Align::centre);
    to.text(kLeft - 6, bottom - at, y.text(step), Align::right);
  }
}

/// A line through what is finite, or a dot at each of it.
void draw_curve(PlotPage& to, const Curve& curve, const Axis& x, const Axis& y, bool points,
                Colour colour) {
  std::vector<Point> run;
  for (size_t j = 0; j < std::min(curve.x.size(), curve.y.size()); ++j) {
    if (!std::isfinite(curve.x[j]) || !std::isfinite(curve.y[j])) continue;
    const Point at{to.left + kLeft + x.at(curve.x[j]), kTop + kArea - y.at(curve.y[j])};
    if (points)
      to.page.add_box(at.x - 1.5, at.y - 1.5, 3, 3, colour);
    else
      run.push_back(at);
  }
  if (run.size() > 1) to.page.add_line(std::move(run), 2, colour);
}

void draw_curves(PlotPage& to, const Plot& plot) {
  const auto x = axis_of(plot, true), y = axis_of(plot, false);
  const double bottom = kTop + kArea;
  draw_axes(to, x, y);
  if (plot.diagonal) to.line(kLeft, bottom, kLeft + kArea, kTop, 1, kDiagonal);
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    const auto& curve = plot.curves[i];
    const auto colour = kColours[i % kColours.size()];
    draw_curve(to, curve, x, y, plot.points, colour);
    const double up = leading(kTextSize) * double(plot.curves.size() - i);
    if (!curve.name.empty())
      to.text(kLeft + 12, bottom - up, to.shortened(curve.name, kArea - 16), Align::left, colour);
  }
}

void draw_plot(PlotPage& to, const Plot& plot) {
  to.text(kLeft, 16, to.shortened(plot.title, kPanel - kLeft));
  if (plot.names.empty())
    draw_curves(to, plot);
  else
    draw_table(to, plot);
  to.text(kLeft + kArea / 2, kTop + kArea + 42, plot.x, Align::centre);
  to.text(4, kTop - leading(kTextSize), to.shortened(plot.y, kLeft + 60));
}

Page page_of(const std::vector<Plot>& plots) {
  if (plots.empty()) throw UsageError("expected at least one plot to draw, given none");
  PlotPage to;
  for (const auto& plot : plots) {
    draw_plot(to, plot);
    to.left += kPanel;
  }
  to.page.width = to.left;
  to.page.height = kPanelHeight;
  return std::move(to.page);
}

}  // namespace

std::string to_png(const std::vector<Plot>& plots) { return png_of(page_of(plots)); }
std::string to_svg(const std::vector<Plot>& plots) { return svg_of(page_of(plots)); }

}  // namespace heed::lens
