// Text that is shaped and measured, by pango.
#pragma once

#include <cairo.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::lens {

/// From the left end of a line, in pixels.
struct Span {
  double left, right;
};

struct Fonts;

/// Which way a line runs.
enum class Direction { by_letters, left_to_right, right_to_left };

/// The fonts of the machine, before them those of HEED_FONT. Sizes are pixels of the em.
class Type {
 public:
  /// Takes fonts that are loaded and idle, or loads fontconfig's configuration, some milliseconds.
  /// Throws FileError for a file in HEED_FONT that is no font, and for a machine without fonts.
  Type();
  ~Type();
  Type(const Type&) = delete;
  Type& operator=(const Type&) = delete;

  /// Of one line. Texts are UTF-8 without controls here and below (see `drawable`).
  double width(const std::string& text, double size);

  /// Where the bytes [first, second) of a line stand: several spans where its directions change.
  /// Parts ascend and do not overlap. Letters that make one shape share its width.
  std::vector<std::vector<Span>> spans(const std::string& line, double size, Direction direction,
                                       const std::vector<std::pair<size_t, size_t>>& parts);

  /// A text if it is at most `most` wide, else its beginning and an ellipsis.
  std::string cut(const std::string& text, double size, double most);

  /// Lines of at most `most`, broken at spaces where there are some. At least one line.
  std::vector<std::string> wrapped(const std::string& text, double size, double most);

  /// Draws one line whose base line begins at the current point.
  void show(cairo_t* to, const std::string& text, double size, Direction direction);

  /// What could not be shaped so far, a sentence for the user; empty where everything could.
  std::string note() const;

 private:
  std::unique_ptr<Fonts> fonts_;
  std::set<uint32_t> missing_;  ///< characters that no font has
  std::map<std::pair<double, std::string>, double> widths_;
};

/// Throws std::bad_alloc where 32 MiB are not to be had. GLib ends the process where it gets no memory,
/// and fontconfig and pango use what they did not get, so this is asked before they work.
void expect_memory();

/// A text as fonts and XML take it: what is not UTF-8 and controls become U+FFFD, separators of
/// lines a space.
std::string drawable(std::string_view text);

/// Whether the first letter that has a direction runs from right to left.
bool runs_left(const std::string& text);

/// Whether more letters of a text run from right to left than from left to right.
bool mostly_left(const std::string& text);

/// Whether a line may begin at each byte, by the rules of Unicode.
std::vector<bool> line_breaks(const std::string& text);

}  // namespace heed::lens
