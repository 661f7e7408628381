// Boxes on an image, laid out.
#include <algorithm>
#include <array>
#include <cmath>

#include "heed/core/error.h"
#include "heed/lens/boxes_figure.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr int64_t kSmallestSide = 640;
constexpr double kFrame = 2;
constexpr std::array<Colour, 8> kBoxColours{{{213, 94, 0},
                                             {0, 114, 178},
                                             {0, 158, 115},
                                             {204, 121, 167},
                                             {150, 100, 0},
                                             {86, 180, 233},
                                             {120, 110, 20},
                                             {32, 32, 36}}};

/// One box and its label, in pixels of the page.
void add_frame(Page& page, const FigureBox& box, double left, double top, double factor) {
  const auto colour =
      kBoxColours[static_cast<size_t>(std::max<int64_t>(box.kind, 0)) % kBoxColours.size()];
  const double x0 = left + box.x0 * factor, y0 = top + box.y0 * factor;
  const double x1 = left + box.x1 * factor, y1 = top + box.y1 * factor;
  page.add_line({{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}, kFrame, colour);
  if (box.label.empty()) return;
  const auto label = drawable(box.label);
  const double width = page.type->width(label, kSmallSize), height = leading(kSmallSize);
  const double above =
      y0 - height < top ? y0 : y0 - height;  // below the edge where there is no room
  page.add_box(x0 - kFrame / 2, above, width + 4, height, colour, box.label);
  page.add_text(x0 + 2, above + ascent(kSmallSize), kSmallSize, label, Align::left, kWhite);
}

}  // namespace

Drawing draw(const BoxesFigure& figure) {
  const auto& shape = figure.image.shape;
  if (shape.values() < 1) throw UsageError("a figure needs an image");
  auto page = std::make_unique<Page>(figure.title);
  const int64_t factor = std::max<int64_t>(1, kSmallestSide / std::max(shape.height, shape.width));
  const double width = double(shape.width * factor);
  const double top = page->add_paragraph(kPageMargin, kPageMargin, kTextSize, page->title,
                                         std::max(width, 400.0)) +
                     kGap;
  page->add_image(kPageMargin, top, Canvas(figure.image).enlarged(factor), "the image");
  for (size_t i = figure.boxes.size(); i-- > 0;)
    add_frame(*page, figure.boxes[i], kPageMargin, top, double(factor));
  page->finish();
  return Drawing(std::move(page));
}

}  // namespace heed::lens
