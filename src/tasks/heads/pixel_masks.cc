#include "tasks/heads/pixel_masks.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/dataset.h"
#include "heed/data/mask_file.h"
#include "heed/metrics/masks.h"
#include "tasks/input_lines.h"

namespace heed {
namespace {

constexpr int32_t kInside = 1, kBorder = 2;

/// Whether a pixel of another number, or of none, lies within `distance` along rows and columns and
/// both; beyond the image there is none.
bool at_edge(const Mask& objects, int64_t y, int64_t x, int64_t distance) {
  const int32_t own = objects.at(y, x);
  const int64_t bottom = std::min(objects.height - 1, y + distance);
  const int64_t right = std::min(objects.width - 1, x + distance);
  for (int64_t i = std::max<int64_t>(0, y - distance); i <= bottom; ++i)
    for (int64_t j = std::max<int64_t>(0, x - distance); j <= right; ++j)
      if (objects.at(i, j) != own) return true;
  return false;
}

std::string size_text(int64_t height, int64_t width) {
  return text_of(height, " x ", width, " pixels");
}

int64_t total_of(const std::map<int32_t, int64_t>& counts) {
  int64_t total = 0;
  for (const auto& [value, count] : counts) total += count;
  return total;
}

/// Gives the pixels of `open` the number of a neighbour, a ring a step, until none is left beside one.
void grow(Mask& numbers, const Mask& open) {
  std::vector<std::pair<int64_t, int32_t>> ring;
  const auto beside = [&](int64_t y, int64_t x) -> int32_t {
    return y < 0 || y >= numbers.height || x < 0 || x >= numbers.width ? 0 : numbers.at(y, x);
  };
  do {
    ring.clear();
    for (int64_t y = 0; y < numbers.height; ++y)
      for (int64_t x = 0; x < numbers.width; ++x) {
        if (open.at(y, x) != kBorder || numbers.at(y, x) != 0) continue;
        for (const int32_t near :
             {beside(y - 1, x), beside(y, x - 1), beside(y, x + 1), beside(y + 1, x)})
          if (near > 0) {
            ring.emplace_back(y * numbers.width + x, near);
            break;
          }
      }
    for (const auto& [pixel, number] : ring) numbers.values[static_cast<size_t>(pixel)] = number;
  } while (!ring.empty());
}

}  // namespace

std::vector<std::string> PixelMasks::instance_classes() const {
  if (options_.border > 0) return {"background", "object", "border"};
  return {"background", "object"};
}

std::filesystem::path PixelMasks::file_of(const Split& split, int64_t example) const {
  const auto named = split.value(example, options_.column);
  if (named.empty())
    throw DataError(split.place(example) + ": the column '" + options_.column +
                    "' is empty; expected the file of a mask");
  return std::filesystem::path(numbered(split.place(example)).first).parent_path() / named;
}

Mask PixelMasks::read(const Split& split, int64_t example) const {
  const auto file = file_of(split, example);
  const auto image = split.source_shape(example);
  data::ImageLimits limits;
  limits.pixels = std::max(limits.pixels, image.pixels());  // as much as input.max_pixels let pass
  Mask mask;
  try {
    mask = data::read_mask(file, limits);
  } catch (const FileError& error) {
    throw DataError(split.place(example) + ": " + error.what());
  }
  if (mask.height != image.height || mask.width != image.width)
    throw DataError(file.string() + ": a mask of " + size_text(mask.height, mask.width) +
                    " for an image of " + size_text(image.height, image.width) + " (" +
                    split.place(example) + "); both must be of one size");
  return mask;
}

PixelTarget PixelMasks::of_instances(Mask numbers) const {
  PixelTarget target{Mask(numbers.height, numbers.width), {}};
  for (int64_t y = 0; y < numbers.height; ++y)
    for (int64_t x = 0; x < numbers.width; ++x)
      if (numbers.at(y, x) > 0)
        target.classes.at(y, x) =
            options_.border > 0 && at_edge(numbers, y, x, options_.border) ? kBorder : kInside;
  target.objects = std::move(numbers);
  return target;
}

PixelTarget PixelMasks::target(const Split& split, int64_t example, int64_t classes) const {
  auto numbers = read(split, example);
  if (options_.values == MaskValues::instances) return of_instances(std::move(numbers));
  for (int64_t i = 0; i < numbers.pixels(); ++i) {
    auto& value = numbers.values[static_cast<size_t>(i)];
    if (value == options_.ignore) {
      value = kNoClass;
    } else if (value >= classes) {
      throw DataError(file_of(split, example).string() +
                      text_of(": the pixel in row ", i / numbers.width, ", column ",
                              i % numbers.width, " has the number ", value,
                              ", and the classes are 0 .. ", classes - 1,
                              "; correct it, name more by head.classes, or set head.ignore"));
    }
  }
  return {std::move(numbers), {}};
}

void PixelMasks::examine(const data::Records& records, DataReport& report) const {
  constexpr int64_t kMostProblems = 20;
  const auto column = records.column(options_.column);
  int64_t read = 0;
  std::map<int32_t, int64_t> pixels;
  for (int64_t i = 0; i < records.size(); ++i) {
    try {
      const auto mask = data::read_mask(data::file_of_record(records, i, column));
      for (const int32_t value : mask.values) ++pixels[value];
      ++read;
    } catch (const Error& error) {
      if (report.problem_count == 0) report.why = error.why();
      if (report.problem_count++ < kMostProblems)
        report.problems.push_back(records.place(i) + ": " + options_.column + ": " + error.what());
    }
  }
  if (read == 0) return;
  auto line = text_of(read, " masks of the numbers ", pixels.begin()->first, " to ",
                      pixels.rbegin()->first);
  if (options_.values == MaskValues::instances)
    line += text_of(", ", double(pixels[0]) / double(std::max<int64_t>(1, total_of(pixels))),
                    " of their pixels 0");
  report.lines.push_back(std::move(line));
}

void lay_mask(const Mask& mask, const data::Placement& placed, at::Tensor& out) {
  auto target = out.accessor<int64_t, 2>();
  const auto source = [](double from, double to, int64_t i, int64_t size, int64_t limit) {
    const double at = from + (double(i) + 0.5) * (to - from) / double(size);
    return std::clamp<int64_t>(static_cast<int64_t>(std::floor(at)), 0, limit - 1);
  };
  for (int64_t i = 0; i < placed.height; ++i) {
    const int64_t y = placed.top + i;
    if (y < 0 || y >= out.size(0)) continue;
    const int64_t down = placed.flip_vertical ? placed.height - 1 - i : i;
    const int64_t from_y = source(placed.y0, placed.y1, down, placed.height, mask.height);
    for (int64_t j = 0; j < placed.width; ++j) {
      const int64_t x = placed.left + j;
      if (x < 0 || x >= out.size(1)) continue;
      const int64_t across = placed.flip ? placed.width - 1 - j : j;
      target[y][x] =
          mask.at(from_y, source(placed.x0, placed.x1, across, placed.width, mask.width));
    }
  }
}

Mask objects_of(const Mask& classes) {
  Mask inside(classes.height, classes.width), rest(classes.height, classes.width);
  for (size_t i = 0; i < classes.values.size(); ++i)
    inside.values[i] = classes.values[i] == kInside;
  auto numbers = connected_components(inside);
  grow(numbers, classes);
  for (size_t i = 0; i < classes.values.size(); ++i)
    rest.values[i] = classes.values[i] == kBorder && numbers.values[i] == 0;
  const int32_t first = *std::max_element(numbers.values.begin(), numbers.values.end());
  const auto more = connected_components(rest);
  for (size_t i = 0; i < more.values.size(); ++i)
    if (more.values[i] > 0) numbers.values[i] = first + more.values[i];
  return numbers;
}

}  // namespace heed
