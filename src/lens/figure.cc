#include "heed/lens/figure.h"

#include "heed/lens/draw.h"
#include "lens/layout.h"

namespace heed::lens {

std::string png_of(const Layout& layout, std::string* note) {
  Canvas page(layout.width, layout.height);
  for (const auto& placed : layout.images) page.paste(placed.image, placed.x, placed.y);
  Typeface typeface;
  for (const auto& placed : layout.texts) {
    typeface.draw(page, placed.x, placed.y, placed.text, placed.size, placed.turned);
  }
  if (note) *note += typeface.note();
  return encode_png(page);
}

std::string to_png(const Figure& figure, std::string* note) {
  return png_of(lay_out(figure), note);
}
std::string to_png(const TextFigure& figure, std::string* note) {
  return png_of(lay_out(figure), note);
}

std::string to_svg(const Figure& figure) { return svg_of(lay_out(figure), figure.title); }
std::string to_svg(const TextFigure& figure) { return svg_of(lay_out(figure), figure.title); }

}  // namespace heed::lens
