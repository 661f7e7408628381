#include "lens/clip_maps.h"

#include <algorithm>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

/// The first row of every head in one example of the batch, or the mean of all rows: (H, Lk) float64.
at::Tensor weights_of(const Map& map, int64_t batch, bool first_row) {
  if (!first_row) return map.received(batch).to(at::kCPU, at::kDouble);
  std::vector<at::Tensor> rows;
  for (int64_t head = 0; head < map.num_heads(); ++head)
    rows.push_back(map.tile({0, 1}, {0, map.keys()}, batch, head));
  return at::cat(rows).to(at::kCPU, at::kDouble);
}

/// Of a map of space with a frame an example: (H, r, F c).
at::Tensor of_space(const Map& map, const TokenGrid& grid, bool first_row) {
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < map.batch(); ++i)
    all.push_back(weights_of(map, i, first_row)
                      .narrow(-1, grid.class_token, grid.rows * grid.columns)
                      .unflatten(-1, {grid.rows, grid.columns}));
  return frames_beside(at::stack(all, 1), grid);
}

/// Of a map whose keys are frames: (H, r, F c).
at::Tensor of_time(const Map& map, const TokenGrid& grid) {
  const auto weights = weights_of(map, 0, is_pooling(map));  // (H, S)
  return frames_beside(
      weights.unsqueeze(-1).unsqueeze(-1).expand({-1, -1, grid.rows, grid.columns}), grid);
}

std::string numbered_title(const char* what, int64_t number) {
  return what + std::to_string(number);
}

}  // namespace

at::Tensor frames_beside(const at::Tensor& tubelets, const TokenGrid& grid) {
  const auto frames = tubelets.repeat_interleave(grid.tubelet, 1);  // (H, F, r, c)
  return frames.permute({0, 2, 1, 3}).reshape({frames.size(0), frames.size(2), -1});
}

ImageMaps clip_maps(const std::vector<Map>& calls, const TokenGrid& grid) {
  const int64_t tubelets = grid.frames / grid.tubelet;
  ImageMaps result;
  result.grid = grid;
  int64_t space = 0, time = 0;
  for (const auto& map : calls) {
    if (map.batch() == tubelets && map.keys() == grid.tokens() && time == 0) {
      const bool pool = is_pooling(map);
      const auto title = pool ? "frame pooling" : numbered_title("space ", ++space);
      const bool row = pool || grid.class_token;
      ImageMap own{map.name(), title, of_space(map, grid, row), {}};
      if (row && !pool) own.received = of_space(map, grid, false).mean(0);
      result.maps.push_back(std::move(own));
    } else if (map.batch() == 1 && map.keys() == tubelets) {
      const auto title = is_pooling(map) ? "pooling" : numbered_title("time ", ++time);
      result.maps.push_back({map.name(), title, of_time(map, grid), {}});
    }
  }
  if (result.maps.empty())
    throw ModelError("the model has no attention to show: no layers, and no pool that attends");
  return result;
}

std::vector<std::string> clip_explanation(const ImageMaps& maps) {
  const auto has = [&](const char* title) {
    return std::any_of(maps.maps.begin(), maps.maps.end(),
                       [&](const ImageMap& map) { return map.title.starts_with(title); });
  };
  std::vector<std::string> lines;
  if (has("space"))
    lines.emplace_back(maps.grid.class_token
                           ? "space: weight from a frame's class token to each of its patches"
                           : "space: mean weight to each patch from all patches of its frame");
  if (has("frame pooling"))
    lines.emplace_back("frame pooling: weight of each patch in its frame's vector");
  if (has("time")) lines.emplace_back("time: mean weight to each frame from all frames");
  if (has("pooling")) lines.emplace_back("pooling: weight of each frame in the clip's vector");
  return lines;
}

}  // namespace heed::lens
