// Text on a canvas, in the fonts that the machine has.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "heed/lens/canvas.h"

namespace heed::lens {

/// The width of a column of text whose letters are `size` pixels high (its em), and the height of a
/// line: the pitch of DejaVu Sans Mono and of the built-in font.
constexpr int64_t pitch(int64_t size) { return size * 3 / 5; }
constexpr int64_t line_height(int64_t size) { return size * 9 / 10; }
constexpr int64_t base_line(int64_t size) { return size * 7 / 10; }

/// Fonts are asked in this order: the files of HEED_FONT (with ':' between them), then those of a
/// short list of places where systems keep them, monospaced ones first. Without any font - or where
/// HEED_FONT is set and empty - the built-in one draws ASCII. What no font has is drawn as a box.
/// Every character stands alone, in logical order: Arabic letters are not joined, and words from
/// right to left are drawn from left to right.
class Typeface {
 public:
  /// Throws FileError for a file in HEED_FONT that is no font.
  Typeface();
  ~Typeface();
  Typeface(const Typeface&) = delete;
  Typeface& operator=(const Typeface&) = delete;

  /// One line of columns(utf8) * pitch(size) x line_height(size) pixels, the upper left corner at
  /// (x, y); some letters reach a little beyond. `turned`: by 90 degrees, so that it reads upwards,
  /// and width and height change places. What lies outside of the canvas is cut off.
  void draw(Canvas& canvas, int64_t x, int64_t y, std::string_view utf8, int64_t size,
            bool turned = false, Colour colour = kInk);

  /// What could not be drawn so far, a sentence for the user; empty where everything was.
  std::string note() const;

 private:
  class Fonts;
  std::unique_ptr<Fonts> fonts_;
};

}  // namespace heed::lens
