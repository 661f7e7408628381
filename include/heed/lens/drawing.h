// A figure that is laid out, as a file of any kind.
#pragma once

#include <memory>
#include <string>

namespace heed::lens {

struct Page;

/// What `draw(figure)` gives: texts that are measured and placed, lines, areas and images, ready to be
/// written. Text is shaped by HarfBuzz and ordered by the rules of Unicode, through pango: Arabic
/// is joined and runs from right to left, Devanagari's vowels stand where they belong, Chinese
/// takes the machine's font. Fonts are those that fontconfig finds; files in HEED_FONT (with ':'
/// between them) come before those.
///
/// draw() throws UsageError for a figure without values, or with other numbers of labels than of
/// values; FileError for a file in HEED_FONT that is no font and for a machine without fonts. The
/// same figure, fonts and libraries give the same bytes of each kind.
class Drawing {
 public:
  explicit Drawing(std::unique_ptr<const Page> page);
  ~Drawing();
  Drawing(Drawing&&) noexcept;
  Drawing& operator=(Drawing&&) noexcept;

  double width() const;   ///< pixels
  double height() const;  ///< pixels

  /// 8-bit RGB, a pixel a unit. Throws UsageError for a page beyond 32,767 pixels a side or 2^28 in
  /// all, which no image holds.
  std::string png() const;
  /// An SVG 1.1 document that stands alone: text as text (XML-escaped; what XML cannot hold becomes
  /// U+FFFD), images as PNG inside.
  std::string svg() const;
  /// A PDF of one page, a pixel being 3/4 of a point, with its fonts in it and text that can be
  /// searched; a page beyond the 14,400 points that readers take is made smaller.
  std::string pdf() const;
  /// One HTML file that needs nothing else, no network least of all: the SVG, and some lines of
  /// script by which pointing at a cell, token, link or time says its number.
  std::string html() const;

  /// What no font has, a sentence for the user; empty where everything could be drawn.
  const std::string& note() const;

 private:
  std::unique_ptr<const Page> page_;
};

/// The bytes of a file; a sentence about letters that no font has is added to `note`, where it is
/// given. Whoever wants several kinds calls draw() once. Of any figure that draw() takes: Figure,
/// TextFigure, OverviewFigure, TokensFigure, LinesFigure, SeriesFigure.
template <class AnyFigure>
std::string to_png(const AnyFigure& figure, std::string* note = nullptr) {
  const Drawing drawing = draw(figure);
  if (note) *note += drawing.note();
  return drawing.png();
}

template <class AnyFigure>
std::string to_svg(const AnyFigure& figure) {
  return draw(figure).svg();
}

template <class AnyFigure>
std::string to_pdf(const AnyFigure& figure, std::string* note = nullptr) {
  const Drawing drawing = draw(figure);
  if (note) *note += drawing.note();
  return drawing.pdf();
}

template <class AnyFigure>
std::string to_html(const AnyFigure& figure) {
  return draw(figure).html();
}

}  // namespace heed::lens
