#include "tasks/heads/pixel_tiles.h"

#include <torch/nn/functional/upsampling.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace heed {
namespace {

constexpr size_t kTilesTogether = 8;  // results do not depend on it

at::Tensor resized(const at::Tensor& logits, int64_t height, int64_t width) {
  if (logits.size(1) == height && logits.size(2) == width) return logits;
  namespace F = torch::nn::functional;
  return F::interpolate(logits.unsqueeze(0), F::InterpolateFuncOptions()
                                                 .size(std::vector<int64_t>{height, width})
                                                 .mode(torch::kBilinear)
                                                 .align_corners(false))
      .squeeze(0);
}

/// One side of an image at the model's scale.
struct Side {
  int64_t source, target;  // pixels of the file, and of what the model reads
  int64_t extent;          // of the whole image at the scale
  int64_t part, offset;    // of it in a tile

  Side(int64_t source, int64_t target, double scale)
      : source(source),
        target(target),
        extent(std::max<int64_t>(1, std::llround(double(source) * scale))),
        part(std::min(extent, target)),
        offset((target - part) / 2) {}
  double at(int64_t pixel) const { return double(pixel) * double(source) / double(extent); }
};

int64_t overlap_pixels(int64_t tile, double overlap) {
  return std::min<int64_t>(std::llround(overlap * double(tile)), tile / 2);
}

}  // namespace

std::vector<int64_t> tile_starts(int64_t extent, int64_t tile, double overlap) {
  if (extent <= tile) return {0};
  const int64_t step = std::max<int64_t>(1, tile - std::llround(overlap * double(tile)));
  const int64_t last = extent - tile, gaps = (last + step - 1) / step;
  std::vector<int64_t> starts;
  for (int64_t i = 0; i <= gaps; ++i) starts.push_back(last * i / gaps);
  return starts;
}

at::Tensor tile_window(int64_t tile, double overlap) {
  auto window = at::ones({tile});
  const int64_t ramp = overlap_pixels(tile, overlap);
  if (ramp == 0) return window;
  auto* w = window.data_ptr<float>();
  for (int64_t i = 0; i < tile; ++i) {
    const double inside = double(std::min(i, tile - 1 - i)) + 0.5;
    const double s = std::sin(std::numbers::pi / 2 * std::min(1.0, inside / double(ramp)));
    w[i] = static_cast<float>(s * s);
  }
  return window;
}

bool has_whole(const data::Placement& placed, const ImageShape& source) {
  constexpr double kSlack = 1e-6;
  return placed.x0 <= kSlack && placed.y0 <= kSlack && placed.x1 >= double(source.width) - kSlack &&
         placed.y1 >= double(source.height) - kSlack;
}

at::Tensor unplaced(const at::Tensor& logits, const data::Placement& placed,
                    const ImageShape& source) {
  auto own = logits.narrow(1, placed.top, placed.height).narrow(2, placed.left, placed.width);
  if (placed.flip) own = own.flip(2);
  if (placed.flip_vertical) own = own.flip(1);
  return resized(own, source.height, source.width);
}

at::Tensor tiled_logits(const ImageShape& source, const ImageShape& target,
                        const data::Placement& fitted, double overlap,
                        const PartLogits& logits_of) {
  const Side down(source.height, target.height, double(fitted.height) / (fitted.y1 - fitted.y0));
  const Side across(source.width, target.width, double(fitted.width) / (fitted.x1 - fitted.x0));
  std::vector<std::pair<int64_t, int64_t>> starts;
  for (const int64_t y : tile_starts(down.extent, target.height, overlap))
    for (const int64_t x : tile_starts(across.extent, target.width, overlap))
      starts.emplace_back(y, x);
  const auto window =
      tile_window(down.part, overlap).unsqueeze(1) * tile_window(across.part, overlap);  // (h, w)
  at::Tensor sum, weights = at::zeros({down.extent, across.extent});
  for (size_t first = 0; first < starts.size(); first += kTilesTogether) {
    std::vector<data::Placement> parts;
    for (size_t i = first; i < std::min(starts.size(), first + kTilesTogether); ++i) {
      const auto [y, x] = starts[i];
      auto& part = parts.emplace_back(fitted);
      part.x0 = across.at(x), part.x1 = across.at(x + across.part);
      part.y0 = down.at(y), part.y1 = down.at(y + down.part);
      part.left = across.offset, part.top = down.offset;
      part.width = across.part, part.height = down.part;
    }
    const auto logits = logits_of(parts);  // (N, K, h, w)
    if (!sum.defined()) sum = at::zeros({logits.size(1), down.extent, across.extent});
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto [y, x] = starts[first + i];
      const auto own = logits[static_cast<int64_t>(i)]
                           .narrow(1, down.offset, down.part)
                           .narrow(2, across.offset, across.part);
      sum.narrow(1, y, down.part).narrow(2, x, across.part).add_(own * window);
      weights.narrow(0, y, down.part).narrow(1, x, across.part).add_(window);
    }
  }
  return resized(sum.div_(weights), source.height, source.width);
}

}  // namespace heed
