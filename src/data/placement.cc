#include "heed/data/placement.h"

#include <algorithm>
#include <cmath>

namespace heed::data {
namespace {

/// To the nearest, halves to the even one, as Python's round().
int64_t nearest(double x) { return static_cast<int64_t>(std::nearbyint(x)); }

/// The whole image as large as it fits into the target, in the middle.
void pad_to(const ImageShape& target, Placement& placed) {
  const double width = placed.x1, height = placed.y1;
  const auto all_wide = static_cast<double>(target.width),
             all_high = static_cast<double>(target.height);
  if (width / height > all_wide / all_high)
    placed.height = std::clamp<int64_t>(nearest(height / width * all_wide), 1, target.height);
  else if (width / height < all_wide / all_high)
    placed.width = std::clamp<int64_t>(nearest(width / height * all_high), 1, target.width);
  placed.left = nearest(static_cast<double>(target.width - placed.width) * 0.5);
  placed.top = nearest(static_cast<double>(target.height - placed.height) * 0.5);
}

/// The largest part of the target's shape, from the middle.
void crop_to(const ImageShape& target, Placement& placed) {
  const double width = placed.x1, height = placed.y1;
  const double ratio = static_cast<double>(target.width) / static_cast<double>(target.height);
  double part_width = width, part_height = height;
  if (width / height == ratio) return;
  if (width / height >= ratio)
    part_width = ratio * height;
  else
    part_height = width / ratio;
  placed.x0 = (width - part_width) * 0.5, placed.y0 = (height - part_height) * 0.5;
  placed.x1 = placed.x0 + part_width, placed.y1 = placed.y0 + part_height;
}

/// Pixels as they are: a window from the middle, or all of them in the middle.
void window_to(const ImageShape& source, const ImageShape& target, Placement& placed) {
  placed.width = std::min(source.width, target.width);
  placed.height = std::min(source.height, target.height);
  placed.left = (target.width - placed.width) / 2;
  placed.top = (target.height - placed.height) / 2;
  placed.x0 = static_cast<double>((source.width - placed.width) / 2);
  placed.y0 = static_cast<double>((source.height - placed.height) / 2);
  placed.x1 = placed.x0 + static_cast<double>(placed.width);
  placed.y1 = placed.y0 + static_cast<double>(placed.height);
}

/// What of a row or column of a resized part is copied to where.
struct Run {
  int64_t from, to, count;
};

Run run_of(int64_t begin, int64_t size, int64_t target) {
  const int64_t first = std::max<int64_t>(0, begin), last = std::min(target, begin + size);
  return {first - begin, first, std::max<int64_t>(0, last - first)};
}

/// The part at its size in the target, without copying where it is the whole image.
const Image& resized_part(const Image& source, const Placement& at, Resample resample,
                          Image& memory) {
  const auto& shape = source.shape;
  const bool whole = at.x0 == 0 && at.y0 == 0 && at.x1 == static_cast<double>(shape.width) &&
                     at.y1 == static_cast<double>(shape.height);
  if (whole && at.width == shape.width && at.height == shape.height) return source;
  memory = resize(source, {at.x0, at.y0, at.x1, at.y1}, at.height, at.width, resample);
  return memory;
}

}  // namespace

Placement fitted_placement(const ImageShape& source, const ImageShape& target, Fit fit) {
  Placement placed;
  placed.x1 = static_cast<double>(source.width), placed.y1 = static_cast<double>(source.height);
  placed.width = target.width, placed.height = target.height;
  if (fit == Fit::pad) pad_to(target, placed);
  if (fit == Fit::crop) crop_to(target, placed);
  if (fit == Fit::native) window_to(source, target, placed);
  return placed;
}

Placement clipped(Placement at, const ImageShape& target) {
  const auto across = run_of(at.left, at.width, target.width);
  const auto down = run_of(at.top, at.height, target.height);
  const double x_scale = (at.x1 - at.x0) / static_cast<double>(at.width);
  const double y_scale = (at.y1 - at.y0) / static_cast<double>(at.height);
  // A mirrored part begins with its right end.
  const int64_t first = at.flip ? at.width - across.from - across.count : across.from;
  if (across.count != at.width) {
    at.x0 += static_cast<double>(first) * x_scale;
    at.x1 = at.x0 + static_cast<double>(across.count) * x_scale;
  }
  if (down.count != at.height) {
    const int64_t top = at.flip_vertical ? at.height - down.from - down.count : down.from;
    at.y0 += static_cast<double>(top) * y_scale;
    at.y1 = at.y0 + static_cast<double>(down.count) * y_scale;
  }
  at.left = across.to, at.width = across.count, at.top = down.to, at.height = down.count;
  return at;
}

void draw_placement(const Image& source, const Placement& at, Resample resample, Image& target) {
  Image memory;
  const Image& part = resized_part(source, at, resample, memory);
  const auto across = run_of(at.left, at.width, target.shape.width);
  const auto down = run_of(at.top, at.height, target.shape.height);
  for (int64_t c = 0; c < target.shape.channels; ++c) {
    const uint8_t* from = part.values.data() + c * part.shape.pixels();
    uint8_t* to = target.values.data() + c * target.shape.pixels() + across.to;
    for (int64_t y = 0; y < down.count; ++y) {
      const int64_t own = down.from + y;
      const uint8_t* row = from + (at.flip_vertical ? at.height - 1 - own : own) * at.width;
      uint8_t* out = to + (down.to + y) * target.shape.width;
      if (at.flip)
        std::reverse_copy(row + at.width - across.from - across.count, row + at.width - across.from,
                          out);
      else
        std::copy_n(row + across.from, across.count, out);
    }
  }
}

}  // namespace heed::data
