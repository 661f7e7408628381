#include "heed/data/boxes.h"

#include <charconv>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/records.h"

namespace heed::data {
namespace {

constexpr const char* kBoxForm = "expected \"class x0 y0 x1 y1\" in pixels";

/// Takes the last word off the text; empty: there is none.
std::string_view take_last(std::string_view& text) {
  const auto end = text.find_last_not_of(" \t");
  if (end == std::string_view::npos) return text = {};
  const auto blank = text.find_last_of(" \t", end);
  const auto begin = blank == std::string_view::npos ? 0 : blank + 1;
  const auto word = text.substr(begin, end + 1 - begin);
  text = text.substr(0, begin);
  return word;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::string shortest(double number) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return {digits, end};
}

}  // namespace

std::string to_text(const ObjectBox& box) {
  std::string text = box.name;
  for (const double side : {box.x0, box.y0, box.x1, box.y1})
    text.append(" ").append(shortest(side));
  if (box.crowd) text += " crowd";
  if (box.difficult) text += " difficult";
  return text;
}

ObjectBox parse_box(std::string_view text) {
  const auto refuse = [&](const std::string& what) {
    throw DataError(text_of("the box '", text, "': ", what));
  };
  ObjectBox box;
  auto rest = text;
  auto word = take_last(rest);
  for (; word == "crowd" || word == "difficult"; word = take_last(rest))
    (word == "crowd" ? box.crowd : box.difficult) = true;
  for (double* side : {&box.y1, &box.x1, &box.y0, &box.x0}) {
    if (!parse_number(word, *side)) refuse(text_of("'", word, "' is no number; ", kBoxForm));
    if (side != &box.x0) word = take_last(rest);
  }
  box.name = trimmed(rest);
  if (box.name.empty()) refuse(text_of("no class; ", kBoxForm));
  if (!(box.x1 > box.x0) || !(box.y1 > box.y0))
    refuse("it has no area; expected x0 < x1 and y0 < y1");
  return box;
}

std::vector<std::string> split_boxes(std::string_view cell) {
  std::vector<std::string> all;
  while (!trimmed(cell).empty()) {
    const auto end = std::min(cell.find(';'), cell.size());
    all.emplace_back(trimmed(cell.substr(0, end)));
    cell = cell.substr(std::min(end + 1, cell.size()));
  }
  return all;
}

void check_inside(const ObjectBox& box, int64_t width, int64_t height) {
  if (box.x0 >= 0 && box.y0 >= 0 && box.x1 <= double(width) && box.y1 <= double(height)) return;
  throw DataError(text_of("the box '", to_text(box), "' lies outside of the image, which is ",
                          width, " x ", height));
}

}  // namespace heed::data
