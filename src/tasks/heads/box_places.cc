#include "tasks/heads/box_places.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

void mirror(double& low, double& high, double length) {
  std::swap(low, high);
  low = length - low, high = length - high;
}

}  // namespace

std::vector<data::ObjectBox> boxes_of(const Split& split, int64_t example,
                                      const std::string& column) {
  const auto items = split.is_list(column) ? split.values(example, column)
                                           : data::split_boxes(split.value(example, column));
  std::vector<data::ObjectBox> all;
  for (const auto& item : items) {
    try {
      all.push_back(data::parse_box(item));
    } catch (const DataError& error) {
      throw DataError(text_of(split.place(example), ": column '", column, "': ", error.what()));
    }
  }
  return all;
}

bool into_batch(const data::ObjectBox& box, const data::Placement& placement,
                const ImageShape& batch, Rectangle& moved) {
  const double across = double(placement.width) / (placement.x1 - placement.x0);
  const double down = double(placement.height) / (placement.y1 - placement.y0);
  double x0 = (box.x0 - placement.x0) * across, x1 = (box.x1 - placement.x0) * across;
  if (placement.flip) mirror(x0, x1, double(placement.width));
  double y0 = (box.y0 - placement.y0) * down, y1 = (box.y1 - placement.y0) * down;
  if (placement.flip_vertical) mirror(y0, y1, double(placement.height));
  const double left = double(placement.left), top = double(placement.top);
  const double right = std::min(left + double(placement.width), double(batch.width));
  const double bottom = std::min(top + double(placement.height), double(batch.height));
  moved = {std::clamp(left + x0, std::max(left, 0.0), right),
           std::clamp(top + y0, std::max(top, 0.0), bottom),
           std::clamp(left + x1, std::max(left, 0.0), right),
           std::clamp(top + y1, std::max(top, 0.0), bottom)};
  return moved.area() > 0 && moved.area() >= kLeastSeen * (x1 - x0) * (y1 - y0);
}

Rectangle to_source(const Rectangle& box, const data::Placement& placement,
                    const ImageShape& source) {
  const double across = (placement.x1 - placement.x0) / double(placement.width);
  const double down = (placement.y1 - placement.y0) / double(placement.height);
  double x0 = box.x0 - double(placement.left), x1 = box.x1 - double(placement.left);
  if (placement.flip) mirror(x0, x1, double(placement.width));
  double y0 = box.y0 - double(placement.top), y1 = box.y1 - double(placement.top);
  if (placement.flip_vertical) mirror(y0, y1, double(placement.height));
  const auto in_x = [&](double x) {
    return std::clamp(placement.x0 + x * across, 0.0, double(source.width));
  };
  const auto in_y = [&](double y) {
    return std::clamp(placement.y0 + y * down, 0.0, double(source.height));
  };
  return {in_x(x0), in_y(y0), in_x(x1), in_y(y1)};
}

}  // namespace heed
