// Weights over an image, laid out.
#include <algorithm>

#include "heed/core/error.h"
#include "heed/lens/figure.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr int64_t kFigureWidth = 1400;  // what panels may fill together, before their least width
constexpr int64_t kSmallestPanel = 196, kLargestPanel = 280, kOverlayBar = 24;

/// The image with its longer side at `side`: whole pixels when it is enlarged, means when it is
/// shrunk.
Canvas fitted(const data::Image& image, int64_t side) {
  const int64_t longer = std::max(image.shape.height, image.shape.width);
  if (longer <= side) return Canvas(image).enlarged(side / longer);
  const auto fit = [&](int64_t size) { return std::max<int64_t>(1, size * side / longer); };
  return Canvas(data::resize(image, fit(image.shape.height), fit(image.shape.width)));
}

class ImageComposer {
 public:
  explicit ImageComposer(const Figure& figure)
      : figure_(figure), page_(std::make_unique<Page>(figure.title)) {
    size_t most = 1;
    for (const auto& strip : figure.strips)
      for (const auto& row : strip.rows()) most = std::max(most, row.size());
    image_ = fitted(figure.image, side_of(most));
    cell_ = double(image_.width());
    for (const auto& strip : figure.strips) {
      for (const auto& panel : strip.panels)
        cell_ = std::max(cell_, page_->type->width(drawable(panel.title), kTextSize));
    }
    width_ = std::max(double(most) * (cell_ + kGap) - kGap, double(kFigureWidth) / 2);
  }

  Drawing compose() {
    y_ = page_->add_paragraph(kPageMargin, kPageMargin, kTitleSize, page_->title, width_) + kGap;
    header();
    for (const auto& strip : figure_.strips) add(strip);
    page_->finish();
    return Drawing(std::move(page_));
  }

 private:
  /// Frames of a clip, side by side: they fill the page, with the lines below them.
  bool is_wide() const { return figure_.image.shape.width >= 4 * figure_.image.shape.height; }

  /// Of an image's longer side.
  int64_t side_of(size_t panels) const {
    if (is_wide()) return kFigureWidth;
    return std::clamp(kFigureWidth / static_cast<int64_t>(panels), kSmallestPanel, kLargestPanel);
  }

  void header() {
    page_->add_image(kPageMargin, y_, image_, "the image");
    double x = kPageMargin + double(image_.width()) + kGap, y = y_;
    if (is_wide()) x = kPageMargin, y += double(image_.height()) + kGap;
    for (const auto& line : figure_.lines)
      y = page_->add_paragraph(x, y, kTextSize, line, std::max(width_ - x, 400.0));
    y_ = std::max(y, y_ + double(image_.height())) + 2 * kGap;
  }

  void add(const Strip& strip) {
    const Scale scale = strip.scale();
    const std::string range = ", " + number(scale.low) + " to " + number(scale.high);
    for (const auto& row : strip.rows()) add_row(row, scale, range);
    y_ = add_legend(*page_, y_, scale, overlay_legend(kSmallestPanel, kOverlayBar, scale.is_signed),
                    joined({scale.note(), strip.note}), width_) +
         2 * kGap;
  }

  void add_row(std::span<const Panel> panels, const Scale& scale, const std::string& range) {
    double x = kPageMargin;
    for (const auto& panel : panels) {
      page_->add_text(x, y_ + ascent(kTextSize), kTextSize, panel.title);
      auto& image = page_->add_image(x, y_ + leading(kTextSize) + 2,
                                     overlay(image_, panel.values, scale), panel.title + range);
      image.grid = std::ssize(page_->grids);
      page_->grids.push_back({panel.values, nullptr, nullptr});
      x += cell_ + kGap;
    }
    y_ += leading(kTextSize) + 2 + double(image_.height()) + kGap / 2;
  }

  const Figure& figure_;
  std::unique_ptr<Page> page_;
  Canvas image_{1, 1};
  double cell_ = 0, width_ = 0, y_ = 0;
};

}  // namespace

std::vector<std::span<const Panel>> Strip::rows() const {
  const size_t most = across > 0 ? across : std::max<size_t>(1, panels.size());
  std::vector<std::span<const Panel>> all;
  for (size_t first = 0; first < panels.size(); first += most)
    all.push_back(std::span(panels).subspan(first, std::min(most, panels.size() - first)));
  return all;
}

Scale Strip::scale() const {
  std::vector<at::Tensor> values;
  for (const auto& panel : panels) values.push_back(panel.values);
  return is_signed ? Scale::symmetric(values) : Scale::of(values);
}

Drawing draw(const Figure& figure) {
  if (figure.image.shape.values() < 1) throw UsageError("a figure needs an image");
  return ImageComposer(figure).compose();
}

}  // namespace heed::lens
