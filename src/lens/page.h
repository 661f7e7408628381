// A laid out figure: what stands where, from which files of every kind are painted.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "heed/lens/heat.h"
#include "lens/type.h"

namespace heed::lens {

enum class Align { left, centre, right };

/// A part of a line that stands over something: a word, whose place in a viewer's font is held.
struct TextPart {
  std::string text;
  double x, width;
};

/// One line of text.
struct PageText {
  double x, y;   ///< where the base line begins: at the left or, turned, below
  double width;  ///< as it was measured
  double size;
  std::string text;
  Align align;  ///< what stays where it is where a viewer's font has other widths
  bool turned;  ///< by 90 degrees: it reads upwards
  Colour colour;
  Direction direction = Direction::by_letters;
  std::vector<TextPart> parts = {};  ///< of the whole line; empty: it is one
};

struct PageBox {
  double x, y, width, height;
  Colour colour;
  std::string hint;                  ///< what pointing at it says; empty: nothing
  int64_t source = -1, target = -1;  ///< the end of links that it is, if any
};

struct Point {
  double x, y;
};

/// A line through points.
struct PagePath {
  std::vector<Point> points;
  bool curved = false;  ///< from the first to the last point, which it meets level; of a link
  double thickness = 1;
  Colour colour = kInk;
  double opacity = 1;
  std::string hint = {};
  int64_t source = -1, target = -1;  ///< of a link: pointing at either shows its links alone
};

/// What pointing at a cell of an image says.
struct PageGrid {
  at::Tensor values;                                              ///< (rows, columns)
  std::shared_ptr<const std::vector<std::string>> rows, columns;  ///< labels; null: numbers
};

struct PageImage {
  double x, y;
  Canvas image;  ///< a pixel a unit
  std::string title;
  int64_t grid = -1;  ///< in Page::grids
};

struct Page {
  explicit Page(std::string title);

  double width = 0, height = 0;
  std::string title;
  std::shared_ptr<Type> type;
  std::vector<std::variant<PageText, PageBox, PagePath, PageImage>> items;  ///< from below
  std::vector<PageGrid> grids;
  std::string note;

  /// `x` is the place of the left end, the middle or the right end. The page grows with it.
  PageText& add_text(double x, double base, double size, std::string_view text,
                     Align align = Align::left, Colour colour = kInk);
  /// The text ends above (x, y) or begins there, reading upwards.
  void add_turned(double x, double y, double size, std::string_view text);
  PageBox& add_box(double x, double y, double width, double height, Colour colour,
                   std::string_view hint = "");
  void add_line(std::vector<Point> points, double thickness, Colour colour);
  /// At whole pixels.
  PageImage& add_image(double x, double y, Canvas image, std::string_view title);
  /// Lines of at most `most` pixels from y on; returns where the next one would begin.
  double add_paragraph(double x, double y, double size, std::string_view text, double most);
  /// Margins at the right and below what there is.
  void finish();
};

inline constexpr double kPageMargin = 24, kGap = 16, kTitleSize = 20, kTextSize = 14,
                        kSmallSize = 10;

/// Height of a line, and of its base line below its upper edge.
constexpr double leading(double size) { return 1.35 * size; }
constexpr double ascent(double size) { return 1.05 * size; }
/// From the middle of a line to its base line.
constexpr double below_middle(double size) { return 0.36 * size; }

/// Title and lines at the upper left corner, wrapped to `width`; returns where the next thing begins.
/// Titles end after 300 columns, lines after 2000.
double add_heading(Page& page, const std::vector<std::string>& lines, double width);

/// A bar of a scale's colours with its two ends, and below it `note`, wrapped to `width` pixels;
/// returns where the next thing begins.
double add_legend(Page& page, double y, const Scale& scale, Canvas bar, const std::string& note,
                  double width);

/// The notes that are not empty, joined by "; ".
std::string joined(const std::vector<std::string>& notes);

/// Colours of numbers behind text: diverging() where letters can be read on it, white at 0. `t` as
/// there.
Colour paper(double t) noexcept;
/// The colours of values behind text in one scale, from low (left) to high.
Canvas paper_legend(const Scale& scale, int64_t width, int64_t height);

/// Files of a page.
std::string png_of(const Page& page);
std::string pdf_of(const Page& page);
std::string svg_of(const Page& page);
std::string html_of(const Page& page);

/// 8-bit RGB rows without gaps as a PNG file's bytes.
std::string encode_rgb(const uint8_t* pixels, int64_t width, int64_t height);

/// What XML takes in an element or an attribute.
std::string escaped(std::string_view text);

/// A coordinate with at most two decimals.
std::string decimal(double value);

}  // namespace heed::lens
