// Objects in an image: their class and the rectangle around them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed::data {

/// An object's rectangle in pixels of its image: pixel (column c, row r) covers c .. c + 1, r .. r + 1, so the whole
/// image is 0 0 width height.
struct ObjectBox {
  std::string name;  ///< its class
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  bool crowd = false;      ///< COCO's iscrowd: a group, in which objects are not told apart
  bool difficult = false;  ///< VOC's difficult: finding it is neither right nor wrong

  double area() const { return (x1 - x0) * (y1 - y0); }
  bool operator==(const ObjectBox&) const = default;
};

/// "class x0 y0 x1 y1", and "crowd" or "difficult" behind it: how an item of a column of boxes is written. A class may
/// have blanks. Numbers are written with as many digits as tell them apart.
std::string to_text(const ObjectBox& box);

/// The reverse; blanks and tabs part the words. Throws DataError that says what is expected: fewer words, a number that
/// is none, an x1 (y1) that is not larger than x0 (y0).
ObjectBox parse_box(std::string_view text);

/// The boxes of a cell of text, which ';' parts. An empty cell has none. Throws as parse_box.
std::vector<std::string> split_boxes(std::string_view cell);

/// Throws DataError where a side of the box lies outside of an image of that size.
void check_inside(const ObjectBox& box, int64_t width, int64_t height);

}  // namespace heed::data
