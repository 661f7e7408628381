#include "look_picture.h"

#include <algorithm>

#include "core/printable.h"
#include "heed/lens/image_maps.h"
#include "heed/lens/text_figure.h"
#include "heed/serve/http.h"

namespace heed::cli {
namespace {

PictureFile drawn(const lens::Drawing& drawing, const std::string& name,
                  const std::string& format) {
  if (format == "png") return {name + ".png", "image/png", drawing.png()};
  if (format == "svg") return {name + ".svg", "image/svg+xml", drawing.svg()};
  if (format == "pdf") return {name + ".pdf", "application/pdf", drawing.pdf()};
  if (format == "html") return {name + ".html", "text/html; charset=utf-8", drawing.html()};
  throw serve::HttpError(
      400, "bad_request",
      "the parameter 'format' is '" + format + "', expected png, svg, pdf or html");
}

}  // namespace

PictureFile picture_of(const Seen& seen, size_t map, int64_t head, const std::string& format) {
  const auto& explanation = seen.explanation;
  const auto& shown = seen.maps.maps[map];
  auto name = shown.title + "-head-" + std::to_string(head);
  std::replace(name.begin(), name.end(), ' ', '-');
  std::string title = printable(explanation.shown.text);
  if (explanation.shown.image && explanation.grid) {
    const auto all = lens::image_maps(explanation.maps, *explanation.grid);
    auto figure =
        lens::figure_of(lens::selected(all, shown.title, head), *explanation.shown.image, head);
    figure.title = title;
    return drawn(lens::draw(figure), name, format);
  }
  auto figure = lens::figure_of(lens::selected(seen.maps, shown.name, head));
  figure.title = title;
  return drawn(lens::draw(figure), name, format);
}

}  // namespace heed::cli
