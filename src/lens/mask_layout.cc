// A mask over its image, laid out.
#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/lens/mask_figure.h"
#include "lens/category_colours.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

Colour half_way(Colour a, Colour b) {
  const auto mean = [](int x, int y) { return static_cast<uint8_t>((x + y) / 2); };
  return {mean(a.red, b.red), mean(a.green, b.green), mean(a.blue, b.blue)};
}

/// Whether a pixel of the enlarged image lies beside another number.
bool is_mask_edge(const Mask& numbers, int64_t x, int64_t y, int64_t factor) {
  const int64_t right = numbers.width * factor, bottom = numbers.height * factor;
  const int32_t own = numbers.at(y / factor, x / factor);
  const auto differs = [&](int64_t at_x, int64_t at_y) {
    return at_x >= 0 && at_x < right && at_y >= 0 && at_y < bottom &&
           numbers.at(at_y / factor, at_x / factor) != own;
  };
  for (const int64_t d : {1, 2})
    if (differs(x - d, y) || differs(x + d, y) || differs(x, y - d) || differs(x, y + d))
      return true;
  return false;
}

Canvas under_mask(const MaskFigure& figure, int64_t factor) {
  auto canvas = Canvas(figure.image).enlarged(factor);
  for (int64_t y = 0; y < canvas.height(); ++y)
    for (int64_t x = 0; x < canvas.width(); ++x) {
      const int32_t number = figure.numbers.at(y / factor, x / factor);
      if (number < figure.first) continue;
      const auto colour = category_colour(number - figure.first);
      auto& pixel = canvas.at(x, y);
      pixel = is_mask_edge(figure.numbers, x, y, factor) ? colour : half_way(pixel, colour);
    }
  return canvas;
}

/// Squares in the colours of the classes, with their names; a new line where one is full.
void add_classes(Page& page, const MaskFigure& figure, double y, double width) {
  constexpr double kSide = 12;
  double x = kPageMargin;
  for (auto k = static_cast<size_t>(std::max(figure.first, 0)); k < figure.names.size(); ++k) {
    const auto name = drawable(figure.names[k]);
    const double needed = kSide + 6 + page.type->width(name, kTextSize) + kGap;
    if (x > kPageMargin && x + needed > kPageMargin + width)
      x = kPageMargin, y += leading(kTextSize);
    page.add_box(x, y + 3, kSide, kSide, category_colour(static_cast<int64_t>(k) - figure.first),
                 name);
    page.add_text(x + kSide + 6, y + ascent(kTextSize), kTextSize, name);
    x += needed;
  }
}

}  // namespace

Drawing draw(const MaskFigure& figure) {
  const auto& shape = figure.image.shape;
  if (shape.values() < 1) throw UsageError("a figure needs an image");
  if (figure.numbers.height != shape.height || figure.numbers.width != shape.width)
    throw UsageError(text_of("a figure's mask of ", figure.numbers.height, " x ",
                             figure.numbers.width, " pixels for an image of ", shape.height, " x ",
                             shape.width));
  auto page = std::make_unique<Page>(figure.title);
  const int64_t factor = figure_factor(std::max(shape.height, shape.width));
  const double width = std::max(double(shape.width * factor), 400.0);
  double y = page->add_paragraph(kPageMargin, kPageMargin, kTextSize, page->title, width);
  if (!figure.line.empty())
    y = page->add_paragraph(kPageMargin, y, kTextSize, drawable(figure.line), width);
  y = std::round(y + kGap);
  page->add_image(kPageMargin, y, under_mask(figure, factor), "the image");
  add_classes(*page, figure, y + double(shape.height * factor) + kGap / 2, width);
  page->finish();
  return Drawing(std::move(page));
}

}  // namespace heed::lens
