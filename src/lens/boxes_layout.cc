// Boxes on an image, laid out.
#include <algorithm>

#include "heed/core/error.h"
#include "heed/lens/boxes_figure.h"
#include "lens/category_colours.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr double kFrame = 2;

/// One box and its label, in pixels of the page.
void add_frame(Page& page, const FigureBox& box, double left, double top, double right,
               double factor) {
  const auto colour = category_colour(box.kind);
  const double x0 = left + box.x0 * factor, y0 = top + box.y0 * factor;
  const double x1 = left + box.x1 * factor, y1 = top + box.y1 * factor;
  page.add_line({{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}, kFrame, colour);
  if (box.label.empty()) return;
  const auto label = drawable(box.label);
  const double width = page.type->width(label, kSmallSize), height = leading(kSmallSize);
  const double begin = std::max(left, std::min(x0, right - width - 4));  // not beyond the image
  const double above =
      y0 - height < top ? y0 : y0 - height;  // below the edge where there is no room
  page.add_box(begin - kFrame / 2, above, width + 4, height, colour, box.label);
  page.add_text(begin + 2, above + ascent(kSmallSize), kSmallSize, label, Align::left, kWhite);
}

}  // namespace

Drawing draw(const BoxesFigure& figure) {
  const auto& shape = figure.image.shape;
  if (shape.values() < 1) throw UsageError("a figure needs an image");
  auto page = std::make_unique<Page>(figure.title);
  const int64_t factor = figure_factor(std::max(shape.height, shape.width));
  const double width = double(shape.width * factor);
  const double top = page->add_paragraph(kPageMargin, kPageMargin, kTextSize, page->title,
                                         std::max(width, 400.0)) +
                     kGap;
  page->add_image(kPageMargin, top, Canvas(figure.image).enlarged(factor), "the image");
  for (size_t i = figure.boxes.size(); i-- > 0;)
    add_frame(*page, figure.boxes[i], kPageMargin, top, kPageMargin + width, double(factor));
  page->finish();
  return Drawing(std::move(page));
}

}  // namespace heed::lens
