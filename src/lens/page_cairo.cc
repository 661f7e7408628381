// Pages as PNG and PDF, through cairo.
#include <cairo-pdf.h>
#include <cairo.h>

#include <algorithm>
#include <new>
#include <numbers>

#include "heed/core/error.h"
#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr double kMostPixels = 32767, kMostArea = double(int64_t{1} << 28);
constexpr double kPointsPerPixel = 0.75, kLargestPdf = 14400;

void check(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  if (status == CAIRO_STATUS_NO_MEMORY) throw std::bad_alloc();
  throw FileError(std::string("cairo cannot draw the page: ") + cairo_status_to_string(status));
}

struct SurfaceRelease {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextRelease {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceRelease>;
using Context = std::unique_ptr<cairo_t, ContextRelease>;

Surface image_surface(int64_t width, int64_t height) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width),
                                             static_cast<int>(height)));
  check(cairo_surface_status(surface.get()));
  return surface;
}

Surface surface_of(const Canvas& canvas) {
  Surface surface = image_surface(canvas.width(), canvas.height());
  uint8_t* bytes = cairo_image_surface_get_data(surface.get());
  const int64_t stride = cairo_image_surface_get_stride(surface.get());
  for (int64_t y = 0; y < canvas.height(); ++y) {
    auto* row = reinterpret_cast<uint32_t*>(bytes + y * stride);
    for (int64_t x = 0; x < canvas.width(); ++x) {
      const Colour c = canvas.at(x, y);
      row[x] = uint32_t{c.red} << 16 | uint32_t{c.green} << 8 | c.blue;
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

class Painter {
 public:
  Painter(cairo_t* to, Type& type) : to_(to), type_(type) {}

  void operator()(const PageText& text) {
    colour(text.colour, 1);
    cairo_save(to_);
    cairo_translate(to_, text.x, text.y);
    if (text.turned) cairo_rotate(to_, -std::numbers::pi / 2);
    cairo_move_to(to_, 0, 0);
    type_.show(to_, text.text, text.size, text.direction);
    cairo_restore(to_);
  }

  void operator()(const PageBox& box) {
    colour(box.colour, 1);
    cairo_rectangle(to_, box.x, box.y, box.width, box.height);
    cairo_fill(to_);
  }

  void operator()(const PagePath& path) {
    colour(path.colour, path.opacity);
    const auto& points = path.points;
    cairo_move_to(to_, points.front().x, points.front().y);
    if (path.curved) {
      const double middle = (points.front().x + points.back().x) / 2;
      cairo_curve_to(to_, middle, points.front().y, middle, points.back().y, points.back().x,
                     points.back().y);
    } else {
      for (size_t i = 1; i < points.size(); ++i) cairo_line_to(to_, points[i].x, points[i].y);
    }
    cairo_set_line_width(to_, path.thickness);
    cairo_set_line_join(to_, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(to_);
  }

  void operator()(const PageImage& placed) {
    const Surface image = surface_of(placed.image);
    cairo_set_source_surface(to_, image.get(), placed.x, placed.y);
    cairo_pattern_set_filter(cairo_get_source(to_), CAIRO_FILTER_NEAREST);
    cairo_paint(to_);
  }

 private:
  void colour(Colour c, double opacity) {
    cairo_set_source_rgba(to_, c.red / 255.0, c.green / 255.0, c.blue / 255.0, opacity);
  }

  cairo_t* to_;
  Type& type_;
};

void paint(const Page& page, cairo_surface_t* surface, double scale) {
  expect_memory();
  const Context to(cairo_create(surface));
  check(cairo_status(to.get()));
  cairo_scale(to.get(), scale, scale);
  cairo_set_source_rgb(to.get(), 1, 1, 1);
  cairo_paint(to.get());
  Painter painter(to.get(), *page.type);
  for (const auto& item : page.items) {
    std::visit(painter, item);
    check(cairo_status(to.get()));
  }
}

/// cairo's pixels of four bytes become three, in place.
void pack(uint8_t* bytes, int64_t stride, int64_t width, int64_t height) {
  uint8_t* out = bytes;
  for (int64_t y = 0; y < height; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(bytes + y * stride);
    for (int64_t x = 0; x < width; ++x) {
      const uint32_t pixel = row[x];
      *out++ = static_cast<uint8_t>(pixel >> 16);
      *out++ = static_cast<uint8_t>(pixel >> 8);
      *out++ = static_cast<uint8_t>(pixel);
    }
  }
}

cairo_status_t append(void* to, const unsigned char* data, unsigned int size) {
  try {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

}  // namespace

std::string png_of(const Page& page) {
  if (page.width > kMostPixels || page.height > kMostPixels ||
      page.width * page.height > kMostArea) {
    throw UsageError("a picture of " + decimal(page.width) + " x " + decimal(page.height) +
                     " pixels is larger than an image may be (32767 a side, 268435456 in all): "
                     "choose a layer or a head, or write it as PDF, SVG or HTML");
  }
  const auto width = static_cast<int64_t>(page.width), height = static_cast<int64_t>(page.height);
  const Surface surface = image_surface(width, height);
  paint(page, surface.get(), 1);
  cairo_surface_flush(surface.get());
  uint8_t* bytes = cairo_image_surface_get_data(surface.get());
  pack(bytes, cairo_image_surface_get_stride(surface.get()), width, height);
  return encode_rgb(bytes, width, height);
}

std::string pdf_of(const Page& page) {
  const double scale =
      std::min(kPointsPerPixel, kLargestPdf / std::max({page.width, page.height, 1.0}));
  std::string bytes;
  const Surface surface(
      cairo_pdf_surface_create_for_stream(append, &bytes, page.width * scale, page.height * scale));
  check(cairo_surface_status(surface.get()));
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, page.title.c_str());
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, nullptr);
  paint(page, surface.get(), scale);
  cairo_surface_finish(surface.get());
  check(cairo_surface_status(surface.get()));
  return bytes;
}

}  // namespace heed::lens
