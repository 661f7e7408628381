// All layers and heads, laid out.
#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "heed/lens/overview_figure.h"
#include "lens/page.h"
#include "lens/text_strip.h"

namespace heed::lens {
namespace {

constexpr int64_t kOverviewBar = 196, kOverviewBarHigh = 18;
constexpr double kPanelGap = 4;

void check_overview(const OverviewFigure& figure) {
  if (figure.rows.empty()) throw UsageError("an overview needs a row of panels");
  for (const auto& row : figure.rows) {
    if (row.panels.empty())
      throw UsageError("row '" + row.label + "' of an overview needs a panel");
    for (const auto& panel : row.panels) {
      if (panel.values.dim() != 2 || panel.values.numel() == 0)
        throw UsageError("panel '" + panel.title + "' of row '" + row.label +
                         "': values have shape " + c10::str(panel.values.sizes()) +
                         ", expected (rows, columns), neither 0");
      for (const int64_t column : row.excluded)
        if (column < 0 || column >= panel.values.size(1))
          throw UsageError("row '" + row.label + "': excluded column " + std::to_string(column) +
                           " is not among the " + std::to_string(panel.values.size(1)) +
                           " of panel '" + panel.title + "'");
    }
  }
}

Scale scale_of(const OverviewFigure& figure) {
  Scale all{0, 0, figure.is_signed};
  for (const auto& row : figure.rows) {
    const Scale own = scale_of(row.panels, row.excluded, figure.is_signed);
    all.low = std::min(all.low, own.low);
    all.high = std::max(all.high, own.high);
  }
  return all;
}

class OverviewComposer {
 public:
  explicit OverviewComposer(const OverviewFigure& figure)
      : figure_(figure), scale_(scale_of(figure)), page_(std::make_unique<Page>(figure.title)) {
    size_t most = 1;
    for (const auto& row : figure.rows) {
      most = std::max(most, row.panels.size());
      left_ = std::max(left_, page_->type->width(drawable(row.label), kTextSize));
    }
    left_ = std::ceil(kPageMargin + left_ + 8);
    side_ = overview_pixels(std::ssize(figure.rows), static_cast<int64_t>(most));
    for (const auto& row : figure.rows)
      for (const auto& panel : row.panels)
        slot_ = std::max(slot_, double(panel.values.size(1) * cell_of(panel)));
    width_ = std::max(left_ + double(most) * (slot_ + kPanelGap), 720.0);
  }

  Drawing compose() {
    y_ = add_heading(*page_, figure_.lines, width_);
    for (size_t i = 0; i < figure_.rows.size(); ++i) {
      if (i == 0 || titles(figure_.rows[i]) != titles(figure_.rows[i - 1])) add_titles(i);
      add_row(figure_.rows[i]);
    }
    y_ =
        add_legend(*page_, y_ + kGap, scale_,
                   legend(kOverviewBar, kOverviewBarHigh, scale_.is_signed), scale_.note(), width_);
    for (const auto& note : notes())
      y_ = page_->add_paragraph(kPageMargin, y_, kSmallSize, note, width_);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  static std::vector<std::string> titles(const OverviewRow& row) {
    std::vector<std::string> all;
    for (const auto& panel : row.panels) all.push_back(panel.title);
    return all;
  }

  /// Each note once, behind the rows that it is of, unless it is of all.
  std::vector<std::string> notes() const {
    std::vector<std::pair<std::string, std::vector<std::string>>> rows_of;
    for (const auto& row : figure_.rows) {
      if (row.note.empty()) continue;
      auto known = std::find_if(rows_of.begin(), rows_of.end(),
                                [&](const auto& one) { return one.first == row.note; });
      if (known == rows_of.end()) known = rows_of.insert(known, {row.note, {}});
      known->second.push_back(row.label);
    }
    std::vector<std::string> notes;
    for (const auto& [note, rows] : rows_of) {
      std::string labels;
      for (const auto& row : rows) labels += (labels.empty() ? "" : ", ") + row;
      notes.push_back(rows.size() == figure_.rows.size() ? note : labels + ": " + note);
    }
    return notes;
  }

  int64_t cell_of(const Panel& panel) const {
    return std::max<int64_t>(1, side_ / std::max(panel.values.size(0), panel.values.size(1)));
  }

  void add_titles(size_t row) {
    double x = left_;
    for (const auto& panel : figure_.rows[row].panels) {
      const auto words = page_->type->cut(drawable(panel.title), kSmallSize, slot_ + kPanelGap);
      page_->add_text(x, y_ + ascent(kSmallSize), kSmallSize, words);
      x += slot_ + kPanelGap;
    }
    y_ = std::round(y_ + leading(kSmallSize) + 2);
  }

  void add_row(const OverviewRow& row) {
    double x = left_, high = 0;
    for (const auto& panel : row.panels) {
      const auto cells = cells_of(panel.values, scale_, row.excluded).enlarged(cell_of(panel));
      high = std::max(high, double(cells.height()));
      auto& image = page_->add_image(x, y_, cells, row.label + " " + panel.title);
      image.grid = std::ssize(page_->grids);
      page_->grids.push_back({panel.values, nullptr, nullptr});
      x += slot_ + kPanelGap;
    }
    page_->add_text(left_ - 8, y_ + high / 2 + below_middle(kTextSize), kTextSize, row.label,
                    Align::right);
    y_ += std::max(high, leading(kTextSize)) + kPanelGap;
  }

  const OverviewFigure& figure_;
  const Scale scale_;
  std::unique_ptr<Page> page_;
  int64_t side_ = 0;
  double left_ = 0, slot_ = 0, width_ = 0, y_ = 0;
};

}  // namespace

int64_t overview_pixels(int64_t rows, int64_t columns) {
  constexpr int64_t kWide = 2400, kHigh = 8000, kLargest = 96, kLeast = 16;
  const int64_t room =
      std::min(kWide / std::max<int64_t>(1, columns), kHigh / std::max<int64_t>(1, rows));
  return std::clamp(room, kLeast, kLargest);
}

Drawing draw(const OverviewFigure& figure) {
  check_overview(figure);
  return OverviewComposer(figure).compose();
}

}  // namespace heed::lens
