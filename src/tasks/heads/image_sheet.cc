#include "tasks/heads/image_sheet.h"

#include <algorithm>
#include <cmath>

namespace heed {
namespace {

constexpr int64_t kLine = 2;  // pixels
constexpr uint8_t kLineGrey = 96;

}  // namespace

data::Image sheet_of(const std::vector<data::Image>& images) {
  const auto& one = images.front().shape;
  const auto count = std::ssize(images);
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  const auto rows = (count + columns - 1) / columns;
  const ImageShape shape{one.channels, rows * (one.height + kLine) - kLine,
                         columns * (one.width + kLine) - kLine};
  data::Image sheet{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()), kLineGrey)};
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < one.channels; ++c)
      for (int64_t y = 0; y < one.height; ++y) {
        const auto* from = &images[static_cast<size_t>(i)]
                                .values[static_cast<size_t>((c * one.height + y) * one.width)];
        const int64_t top = i / columns * (one.height + kLine) + y;
        const int64_t left = i % columns * (one.width + kLine);
        std::copy_n(
            from, one.width,
            &sheet.values[static_cast<size_t>((c * shape.height + top) * shape.width + left)]);
      }
  return sheet;
}

}  // namespace heed
