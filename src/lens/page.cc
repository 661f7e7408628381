#include "lens/page.h"

#include <algorithm>
#include <cmath>

#include "heed/lens/drawing.h"
#include "lens/columns.h"

namespace heed::lens {
namespace {

constexpr int64_t kLongestTitle = 300, kLongestLine = 2000;  // columns
constexpr double kReadable = 0.75;                           // of diverging(), below dark letters

}  // namespace

Page::Page(std::string title)
    : title(drawable(cut(title, kLongestTitle))), type(std::make_shared<Type>()) {}

PageText& Page::add_text(double x, double base, double size, std::string_view text, Align align,
                         Colour colour) {
  std::string words = drawable(text);
  const double wide = type->width(words, size);
  if (align == Align::centre) x -= wide / 2;
  if (align == Align::right) x -= wide;
  width = std::max(width, x + wide);
  height = std::max(height, base + leading(size) - ascent(size));
  items.emplace_back(PageText{x, base, wide, size, std::move(words), align, false, colour});
  return std::get<PageText>(items.back());
}

void Page::add_turned(double x, double y, double size, std::string_view text) {
  std::string words = drawable(text);
  const double wide = type->width(words, size);
  items.emplace_back(PageText{x, y, wide, size, std::move(words), Align::left, true, kInk});
}

PageBox& Page::add_box(double x, double y, double wide, double high, Colour colour,
                       std::string_view hint) {
  width = std::max(width, x + wide);
  height = std::max(height, y + high);
  items.emplace_back(PageBox{x, y, wide, high, colour, drawable(hint)});
  return std::get<PageBox>(items.back());
}

void Page::add_line(std::vector<Point> points, double thickness, Colour colour) {
  for (const auto& point : points) {
    width = std::max(width, point.x);
    height = std::max(height, point.y);
  }
  items.emplace_back(
      PagePath{.points = std::move(points), .thickness = thickness, .colour = colour});
}

PageImage& Page::add_image(double x, double y, Canvas image, std::string_view words) {
  x = std::round(x), y = std::round(y);
  width = std::max(width, x + double(image.width()));
  height = std::max(height, y + double(image.height()));
  items.emplace_back(PageImage{x, y, std::move(image), drawable(words)});
  return std::get<PageImage>(items.back());
}

double Page::add_paragraph(double x, double y, double size, std::string_view text, double most) {
  for (const auto& line : type->wrapped(drawable(cut(text, kLongestLine)), size, most)) {
    add_text(x, y + ascent(size), size, line);
    y += leading(size);
  }
  return y;
}

void Page::finish() {
  width = std::ceil(width + kPageMargin);
  height = std::ceil(height + kPageMargin);
  note = type->note();
}

double add_heading(Page& page, const std::vector<std::string>& lines, double width) {
  double y = page.add_paragraph(kPageMargin, kPageMargin, kTitleSize, page.title, width);
  y += kGap / 2;
  for (const auto& line : lines) y = page.add_paragraph(kPageMargin, y, kTextSize, line, width);
  return std::round(y + kGap);
}

double add_legend(Page& page, double y, const Scale& scale, Canvas bar, const std::string& note,
                  double width) {
  const std::string low = number(scale.low), high = number(scale.high);
  const double base = y + double(bar.height()) / 2 + below_middle(kTextSize);
  const double left = kPageMargin + page.add_text(kPageMargin, base, kTextSize, low).width + 8;
  const double right = std::round(left) + double(bar.width()), below = y + double(bar.height()) + 4;
  page.add_image(left, y, std::move(bar), "colours from " + low + " to " + high);
  page.add_text(right + 8, base, kTextSize, high);
  return note.empty() ? below : page.add_paragraph(kPageMargin, below, kTextSize, note, width);
}

std::string joined(const std::vector<std::string>& notes) {
  std::string all;
  for (const auto& note : notes)
    if (!note.empty()) all.append(all.empty() ? "" : "; ").append(note);
  return all;
}

Colour paper(double t) noexcept { return diverging(kReadable * std::clamp(t, -1.0, 1.0)); }

Canvas paper_legend(const Scale& scale, int64_t width, int64_t height) {
  Canvas bar(width, height);
  const double most = std::max(std::abs(scale.low), std::abs(scale.high));
  for (int64_t x = 0; x < width; ++x) {
    const double value =
        scale.low + (scale.high - scale.low) * double(x) / double(std::max<int64_t>(1, width - 1));
    bar.fill(x, 0, 1, height, paper(most > 0 ? value / most : 0));
  }
  return bar;
}

Drawing::Drawing(std::unique_ptr<const Page> page) : page_(std::move(page)) {}
Drawing::~Drawing() = default;
Drawing::Drawing(Drawing&&) noexcept = default;
Drawing& Drawing::operator=(Drawing&&) noexcept = default;
double Drawing::width() const { return page_->width; }
double Drawing::height() const { return page_->height; }
std::string Drawing::png() const { return png_of(*page_); }
std::string Drawing::svg() const { return svg_of(*page_); }
std::string Drawing::pdf() const { return pdf_of(*page_); }
std::string Drawing::html() const { return html_of(*page_); }
const std::string& Drawing::note() const { return page_->note; }

}  // namespace heed::lens
