#include "map_files.h"

#include <algorithm>
#include <iostream>

#include "heed/core/error.h"
#include "heed/formats/npy.h"
#include "output.h"

namespace heed::cli {
namespace {

constexpr int64_t kMostNumbers = int64_t{1} << 28;

void check_array(int64_t maps, int64_t heads, int64_t rows, int64_t columns) {
  if (double(maps) * double(heads) * double(rows) * double(columns) <= double(kMostNumbers)) return;
  throw UsageError("--npy: " + std::to_string(maps) + " layers x " + std::to_string(heads) +
                   " heads x " + std::to_string(rows) + " x " + std::to_string(columns) +
                   " numbers are more than 268435456: choose --layer and --head");
}

[[noreturn]] void refuse_shapes(const std::string& one, const std::string& other) {
  throw UsageError(
      "--npy: " + one + " and " + other +
      " have other heads, rows or columns, so that they make no array: choose --layer");
}

}  // namespace

void write_array(const MapFlags& flags, const lens::TextMaps& maps) {
  if (flags.npy.empty()) return;
  const auto& first = maps.maps.front();
  const int64_t rows = std::ssize(first.rows), columns = std::ssize(first.columns);
  check_array(std::ssize(maps.maps), std::ssize(first.heads), rows, columns);
  auto array = at::empty({std::ssize(maps.maps), std::ssize(first.heads), rows, columns});
  for (size_t i = 0; i < maps.maps.size(); ++i) {
    const auto& map = maps.maps[i];
    if (map.heads.size() != first.heads.size() || std::ssize(map.rows) != rows ||
        std::ssize(map.columns) != columns)
      refuse_shapes(first.title, map.title);
    for (size_t head = 0; head < map.heads.size(); ++head)
      for (int64_t begin = 0; begin < rows; begin += 64) {
        const Range range{begin, std::min<int64_t>(begin + 64, rows)};
        array[int64_t(i)][int64_t(head)]
            .narrow(0, begin, range.size())
            .copy_(map.weights(range, map.heads[head]));
      }
  }
  write_file(flags.npy, npy_bytes(array));
}

void write_array(const MapFlags& flags, const lens::ImageMaps& maps) {
  if (flags.npy.empty()) return;
  std::vector<at::Tensor> all;
  for (const auto& map : maps.maps) {
    if (map.heads.sizes() != maps.maps.front().heads.sizes())
      refuse_shapes(maps.maps.front().title, map.title);
    all.push_back(map.heads.to(at::kFloat));
  }
  write_file(flags.npy, npy_bytes(at::stack(all).contiguous()));
}

}  // namespace heed::cli
