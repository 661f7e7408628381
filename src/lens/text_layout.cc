#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "lens/layout.h"

namespace heed::lens {
namespace {

constexpr int64_t kPageMargin = 24, kPanelGap = 16,
                  kLabelGap = 6;  // around the page, panels, labels
constexpr int64_t kTitleSize = 20, kTextSize = 15, kSmallSize = 10, kLeading = 5;
constexpr int64_t kLargestCell = 18, kLongestLabel = 24;
constexpr int64_t kBarWide = 196, kBarHigh = 18, kNarrowestPage = 900, kPageWidth = 1800;
constexpr int64_t kLargestPage = 65535;

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
  int64_t size, step;   ///< of letters; every step-th label is shown

  PanelSide(int64_t count, int64_t cell) : count(count), cell(cell) {
    size = cell >= kTextSize ? kTextSize : kSmallSize;
    step = size == kTextSize ? 1 : (line_height(size) + 2 + cell - 1) / cell;
  }
  int64_t pixels() const { return count * cell; }
  int64_t room_of(const std::vector<std::string>& labels) const {
    int64_t most = 0;
    for (size_t i = 0; i < labels.size(); i += static_cast<size_t>(step)) {
      most = std::max(most, lens::columns(cut(labels[i], kLongestLabel)));
    }
    return most * pitch(size) + kLabelGap;
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
  int64_t left, top;  ///< room for the labels
  int64_t slot;       ///< of a panel and its title

  Measures(const TextStrip& strip, int64_t side)
      : rows(side_of(std::ssize(strip.rows), std::ssize(strip.columns), side)),
        columns(side_of(std::ssize(strip.columns), std::ssize(strip.rows), side)) {
    left = rows.room_of(strip.rows);
    top = columns.room_of(strip.columns);
    slot = columns.pixels();
    for (const auto& panel : strip.panels) {
      slot = std::max(slot, lens::columns(panel.title) * pitch(kTextSize));
    }
  }
};

class TextComposer {
 public:
  explicit TextComposer(const TextFigure& figure)
      : figure_(figure), side_(panel_pixels(panels_of(figure))) {
    // Very many panels stand in longer rows, because a page cannot be higher than a canvas.
    room_ = std::max(kPageWidth, 3 * panels_of(figure));
    layout_.width = kNarrowestPage;
    for (const auto& strip : figure.strips) {
      const Measures of(strip, side_);
      const auto count = std::min<int64_t>(across(of), std::ssize(strip.panels));
      widen(kPageMargin + of.left + count * (of.slot + kPanelGap) - kPanelGap);
    }
  }

  Layout compose() {
    paragraph(figure_.title, kTitleSize);
    y_ += kPanelGap / 2;
    for (const auto& line : figure_.lines) paragraph(line, kTextSize);
    y_ += kPanelGap;
    for (const auto& strip : figure_.strips) add(strip);
    layout_.height = y_ + kPageMargin - 2 * kPanelGap;
    layout_.width += kPageMargin;
    if (layout_.height > kLargestPage || layout_.width > kLargestPage) {
      throw UsageError("a figure of " + std::to_string(panels_of(figure_)) +
                       " panels is larger than an image may be: choose a layer or a head");
    }
    return std::move(layout_);
  }

 private:
  void widen(int64_t right) { layout_.width = std::max(layout_.width, right); }

  int64_t across(const Measures& of) const {
    return std::max<int64_t>(1, (room_ - of.left + kPanelGap) / (of.slot + kPanelGap));
  }

  void text(int64_t x, int64_t y, int64_t size, const std::string& words) {
    layout_.texts.push_back({x, y, size, words});
    widen(x + columns(words) * pitch(size));
  }

  void paragraph(const std::string& words, int64_t size) {
    for (const auto& line : wrapped(words, (layout_.width - kPageMargin) / pitch(size))) {
      text(kPageMargin, y_, size, line);
      y_ += line_height(size) + kLeading;
    }
  }

  void row_labels(const std::vector<std::string>& labels, const Measures& of) {
    const auto& rows = of.rows;
    const int64_t middle = (rows.cell - line_height(rows.size)) / 2;
    for (int64_t i = 0; i < rows.count; i += rows.step) {
      const auto label = cut(labels[i], kLongestLabel);
      const int64_t x = kPageMargin + of.left - kLabelGap - columns(label) * pitch(rows.size);
      layout_.texts.push_back({x, y_ + i * rows.cell + middle, rows.size, label, false, true});
    }
  }

  /// They end, turned, kLabelGap above the panel.
  void column_labels(const std::vector<std::string>& labels, const PanelSide& of, int64_t x) {
    const int64_t middle = (of.cell - line_height(of.size)) / 2;
    for (int64_t j = 0; j < of.count; j += of.step) {
      const auto label = cut(labels[j], kLongestLabel);
      const int64_t y = y_ - kLabelGap - columns(label) * pitch(of.size);
      layout_.texts.push_back({x + j * of.cell + middle, y, of.size, label, true, false});
    }
  }

  void panel(const Panel& panel, const Scale& scale, const Measures& of, int64_t x) {
    layout_.images.push_back(
        {x, y_, heat_map(panel.values, scale).enlarged(of.columns.cell, of.rows.cell),
         panel.title + ", " + number(scale.low) + " to " + number(scale.high)});
  }

  void add(const TextStrip& strip) {
    const Measures of(strip, side_);
    const Scale scale = Strip{strip.panels}.scale();
    const size_t most = static_cast<size_t>(across(of));
    for (size_t begin = 0; begin < strip.panels.size(); begin += most) {
      const size_t end = std::min(strip.panels.size(), begin + most);
      const int64_t titles = y_;
      y_ += line_height(kTextSize) + kLeading + of.top;
      row_labels(strip.rows, of);
      for (size_t i = begin; i < end; ++i) {
        const int64_t x =
            kPageMargin + of.left + static_cast<int64_t>(i - begin) * (of.slot + kPanelGap);
        text(x, titles, kTextSize, strip.panels[i].title);
        column_labels(strip.columns, of.columns, x);
        panel(strip.panels[i], scale, of, x);
      }
      y_ += of.rows.pixels() + kPanelGap;
    }
    legend_of(strip, scale, of);
    y_ += 2 * kPanelGap;
  }

  void legend_of(const TextStrip& strip, const Scale& scale, const Measures& of) {
    const std::string low = number(scale.low), high = number(scale.high);
    const int64_t bar = kPageMargin + pitch(kTextSize) * (columns(low) + 1);
    const int64_t words = y_ + (kBarHigh - base_line(kTextSize)) / 2;
    text(kPageMargin, words, kTextSize, low);
    layout_.images.push_back(
        {bar, y_, legend(kBarWide, kBarHigh, 1), "colours from " + low + " to " + high});
    text(bar + kBarWide + pitch(kTextSize), words, kTextSize, high);
    y_ += kBarHigh + kLeading;
    std::string note = scale.note();
    if (!strip.note.empty()) note += "; " + strip.note;
    const int64_t rows = of.rows.step, columns = of.columns.step;
    if (rows == columns && rows > 1) note += "; " + counted(rows, "cell");
    if (rows != columns && rows > 1) note += "; " + counted(rows, "row");
    if (rows != columns && columns > 1) note += "; " + counted(columns, "column");
    paragraph(note, kTextSize);
  }

  const TextFigure& figure_;
  int64_t side_, room_ = kPageWidth, y_ = kPageMargin;
  Layout layout_;
};

}  // namespace

int64_t panel_pixels(int64_t panels) {
  constexpr double kAllPanels = 4e7;
  const double side = std::sqrt(kAllPanels / double(std::max<int64_t>(1, panels)));
  return std::clamp<int64_t>(std::llround(side), 200, 1024);
}

void check(const TextFigure& figure) {
  for (const auto& strip : figure.strips) {
    if (strip.panels.empty()) throw UsageError("a strip of a text figure needs a panel");
    for (const auto& panel : strip.panels) {
      const bool matrix = panel.values.dim() == 2 && panel.values.numel() > 0;
      if (!matrix || panel.values.size(0) != std::ssize(strip.rows) ||
          panel.values.size(1) != std::ssize(strip.columns)) {
        throw UsageError("panel '" + panel.title + "': values have shape " +
                         c10::str(panel.values.sizes()) + ", expected (rows, columns) = [" +
                         std::to_string(strip.rows.size()) + ", " +
                         std::to_string(strip.columns.size()) + "], as many as labels, at least 1");
      }
    }
  }
}

Layout lay_out(const TextFigure& figure) {
  check(figure);
  return TextComposer(figure).compose();
}

}  // namespace heed::lens
