// Weights between tokens, laid out.
#include <algorithm>
#include <cmath>

#include "lens/columns.h"
#include "lens/page.h"
#include "lens/text_strip.h"

namespace heed::lens {
namespace {

constexpr double kLabelGap = 6;
constexpr int64_t kLargestCell = 18, kLongestLabel = 24;
constexpr int64_t kBarWide = 196, kBarHigh = 18, kPageWidth = 1800;
constexpr double kNarrowestPage = 720;

int64_t panels_of(const TextFigure& figure) {
  int64_t count = 0;
  for (const auto& strip : figure.strips) count += static_cast<int64_t>(strip.panels.size());
  return count;
}

std::string counted(int64_t count, const char* what) {
  if (count == 1) return std::string("every ") + what + " has a label";
  const char* ending = count % 10 == 2 && count != 12   ? "nd"
                       : count % 10 == 3 && count != 13 ? "rd"
                                                        : "th";
  return "every " + std::to_string(count) + ending + " " + what + " has a label";
}

/// The rows or columns of a panel and their labels.
struct PanelSide {
  int64_t count, cell;  ///< of pixels
  double size;          ///< of letters
  int64_t step;         ///< every step-th label is shown; 1 where there are none
  double room = 0;      ///< for the labels

  PanelSide(int64_t count, int64_t cell) : count(count), cell(cell) {
    size = double(cell) >= kTextSize ? kTextSize : kSmallSize;
    step = size == kTextSize ? 1 : (static_cast<int64_t>(kSmallSize) + cell) / cell;
  }
  double pixels() const { return double(count * cell); }

  void measure(Type& type, const std::vector<std::string>& labels) {
    bool any = false;
    for (int64_t i = 0; i < count; i += step) {
      any = any || !labels[i].empty();
      room = std::max(room, type.width(drawable(cut(labels[i], kLongestLabel)), size));
    }
    room = std::ceil(room + kLabelGap);
    if (!any) step = 1, room = 0;
  }
};

/// Cells are squares, unless one side would be less than a quarter of the other: a few words beside
/// many seconds.
PanelSide side_of(int64_t count, int64_t other, int64_t pixels) {
  const int64_t square = std::clamp<int64_t>(pixels / std::max(count, other), 1, kLargestCell);
  return {count, std::clamp<int64_t>(square * other / (4 * count), square, kLargestCell)};
}

/// What the panels of a strip have in common.
struct Measures {
  PanelSide rows, columns;
  double slot;  ///< of a panel and its title

  Measures(Type& type, const TextStrip& strip, int64_t side)
      : rows(side_of(std::ssize(strip.rows), std::ssize(strip.columns), side)),
        columns(side_of(std::ssize(strip.columns), std::ssize(strip.rows), side)) {
    rows.measure(type, strip.rows);
    columns.measure(type, strip.columns);
    slot = columns.pixels();
    for (const auto& panel : strip.panels)
      slot = std::max(slot, std::ceil(type.width(drawable(panel.title), kTextSize)));
  }
};

class TextComposer {
 public:
  explicit TextComposer(const TextFigure& figure)
      : figure_(figure), side_(panel_pixels(panels_of(figure))) {
    page_ = std::make_unique<Page>(figure.title);
    // Very many panels stand in longer rows, because a page cannot be higher than an image.
    room_ = double(std::max(kPageWidth, 3 * panels_of(figure)));
    for (const auto& strip : figure.strips) {
      measures_.emplace_back(*page_->type, strip, side_);
      const auto& of = measures_.back();
      const auto count = double(std::min<int64_t>(across(of), std::ssize(strip.panels)));
      width_ = std::max(width_, of.rows.room + count * (of.slot + kGap) - kGap);
    }
  }

  Drawing compose() {
    y_ = add_heading(*page_, figure_.lines, width_);
    for (size_t i = 0; i < figure_.strips.size(); ++i) add(figure_.strips[i], measures_[i]);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  int64_t across(const Measures& of) const {
    return std::max<int64_t>(
        1, static_cast<int64_t>((room_ - of.rows.room + kGap) / (of.slot + kGap)));
  }

  void row_labels(const std::vector<std::string>& labels, const Measures& of) {
    const auto& rows = of.rows;
    for (int64_t i = 0; i < rows.count; i += rows.step) {
      if (labels[i].empty()) continue;
      const double middle = y_ + (double(i) + 0.5) * double(rows.cell);
      page_->add_text(kPageMargin + rows.room - kLabelGap, middle + below_middle(rows.size),
                      rows.size, cut(labels[i], kLongestLabel), Align::right);
    }
  }

  void column_labels(const std::vector<std::string>& labels, const PanelSide& of, double x) {
    for (int64_t j = 0; j < of.count; j += of.step) {
      if (labels[j].empty()) continue;
      const double middle = x + (double(j) + 0.5) * double(of.cell);
      page_->add_turned(middle + below_middle(of.size), y_ - kLabelGap, of.size,
                        cut(labels[j], kLongestLabel));
    }
  }

  void add_panel(const TextStrip& strip, const Panel& panel, const Scale& scale, const Measures& of,
                 double x) {
    const Canvas cells = cells_of(panel.values, scale, strip.excluded);
    auto& image =
        page_->add_image(x, y_, cells.enlarged(of.columns.cell, of.rows.cell),
                         panel.title + ", " + number(scale.low) + " to " + number(scale.high));
    image.grid = std::ssize(page_->grids);
    page_->grids.push_back({panel.values, rows_, columns_});
  }

  void add(const TextStrip& strip, const Measures& of) {
    const Scale scale = scale_of(strip);
    rows_ = std::make_shared<const std::vector<std::string>>(strip.rows);
    columns_ = std::make_shared<const std::vector<std::string>>(strip.columns);
    const size_t most = static_cast<size_t>(across(of));
    for (size_t begin = 0; begin < strip.panels.size(); begin += most) {
      const size_t end = std::min(strip.panels.size(), begin + most);
      const double titles = y_ + ascent(kTextSize);
      y_ = std::round(y_ + leading(kTextSize) + 2 + of.columns.room);
      row_labels(strip.rows, of);
      for (size_t i = begin; i < end; ++i) {
        const double x = kPageMargin + of.rows.room + double(i - begin) * (of.slot + kGap);
        page_->add_text(x, titles, kTextSize, strip.panels[i].title);
        column_labels(strip.columns, of.columns, x);
        add_panel(strip, strip.panels[i], scale, of, x);
      }
      y_ += of.rows.pixels() + kGap;
    }
    y_ = add_legend(*page_, y_, scale, legend(kBarWide, kBarHigh, scale.is_signed),
                    joined({scale.note(), strip.note, thinned(of)}), width_) +
         2 * kGap;
  }

  /// Which rows and columns have labels, where not all do.
  static std::string thinned(const Measures& of) {
    const int64_t rows = of.rows.step, columns = of.columns.step;
    if (rows == columns) return rows > 1 ? counted(rows, "cell") : "";
    return joined(
        {rows > 1 ? counted(rows, "row") : "", columns > 1 ? counted(columns, "column") : ""});
  }

  const TextFigure& figure_;
  const int64_t side_;
  std::unique_ptr<Page> page_;
  std::vector<Measures> measures_;
  std::shared_ptr<const std::vector<std::string>> rows_, columns_;
  double room_ = 0, width_ = kNarrowestPage, y_ = 0;
};

}  // namespace

int64_t panel_pixels(int64_t panels) {
  constexpr double kAllPanels = 4e7;
  const double side = std::sqrt(kAllPanels / double(std::max<int64_t>(1, panels)));
  return std::clamp<int64_t>(std::llround(side), 200, 1024);
}

Drawing draw(const TextFigure& figure) {
  const TextFigure whole = labelled(figure);
  return TextComposer(whole).compose();
}

}  // namespace heed::lens
