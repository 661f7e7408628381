#include "heed/lens/map_pyramid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

constexpr int64_t kMostPyramidCells = int64_t{64} << 20;
constexpr double kShown = 1024;  // the smallest weight shown is so much below an even one

int64_t cells(int64_t size, int64_t level) { return (size + (int64_t{1} << level) - 1) >> level; }

/// Weights as 16 bits over all scales, 400 steps an octave from 2^-150 on; 0 for 0, as LogScale.
/// What is stored until the scale is known.
uint16_t code_of(double weight) {
  if (!(weight > 0)) return 0;
  const double step = 1 + std::round((std::log2(weight) + 150) * 400);
  return static_cast<uint16_t>(std::clamp(step, 1.0, 65535.0));
}

double weight_of_code(size_t code) {
  return code == 0 ? 0 : std::exp2((static_cast<double>(code) - 1) / 400 - 150);
}

void check(const char* name, int64_t given, int64_t size) {
  if (given >= 0 && given < size) return;
  throw UsageError(std::string("pyramid: ")
                       .append(name)
                       .append(": expected 0 to ")
                       .append(std::to_string(size - 1))
                       .append(", given ")
                       .append(std::to_string(given)));
}

}  // namespace

uint8_t LogScale::byte_of(double weight) const {
  if (!(weight > 0)) return 0;
  const double step =
      1 + std::round(254 * std::log(weight / smallest) / std::log(greatest / smallest));
  return static_cast<uint8_t>(std::clamp(step, 1.0, 255.0));
}

double LogScale::weight_of(uint8_t byte) const {
  return byte == 0 ? 0 : smallest * std::pow(greatest / smallest, (byte - 1) / 254.0);
}

double LogScale::relative_error() const { return std::pow(greatest / smallest, 1 / 508.0) - 1; }

MapPyramid::MapPyramid(Map map, int64_t batch, int64_t head, MapPool pool)
    : map_(std::move(map)), batch_(batch), head_(head), pool_(pool) {
  while (std::max(rows(levels_ - 1), columns(levels_ - 1)) > kSide) ++levels_;
  while (rows(first_) * columns(first_) > kMostPyramidCells) ++first_;
  store();
}

int64_t MapPyramid::rows(int64_t level) const { return cells(map_.queries(), level); }
int64_t MapPyramid::columns(int64_t level) const { return cells(map_.keys(), level); }

/// The first level that is stored, in one pass, and those above.
void MapPyramid::store() {
  PyramidTile base{rows(first_), columns(first_), {}};
  const bool keeps = first_ < levels_;
  std::vector<uint16_t> codes(keeps ? static_cast<size_t>(base.rows * base.columns) : 0);
  const auto take = [&](int64_t row, std::span<const double> weights) {
    if (keeps)
      std::transform(weights.begin(), weights.end(), codes.begin() + row * base.columns, code_of);
  };
  const double greatest = map_.each_cell_row(int64_t{1} << first_, pool_, take, batch_, head_);
  scale_.greatest = greatest > 0 ? greatest : 1;
  scale_.smallest =
      std::min(scale_.greatest, 1 / static_cast<double>(std::max<int64_t>(1, map_.keys()))) /
      kShown;
  if (!keeps) return;
  std::vector<uint8_t> bytes(65536);
  for (size_t code = 0; code < bytes.size(); ++code)
    bytes[code] = scale_.byte_of(weight_of_code(code));
  base.bytes.resize(codes.size());
  std::transform(codes.begin(), codes.end(), base.bytes.begin(),
                 [&](uint16_t code) { return bytes[code]; });
  codes = {};
  stored_.push_back(std::move(base));
  for (int64_t level = first_ + 1; level < levels_; ++level) stored_.push_back(above(level));
}

/// A level above the first stored one, from that one.
PyramidTile MapPyramid::above(int64_t level) const {
  const PyramidTile& base = stored_.front();
  PyramidTile picture{rows(level), columns(level), {}};
  const int64_t up = level - first_, block = int64_t{1} << first_;
  std::array<double, 256> weights{};
  for (size_t byte = 0; byte < weights.size(); ++byte)
    weights[byte] = scale_.weight_of(static_cast<uint8_t>(byte));
  const auto width = [&](int64_t cell, int64_t size) {
    return static_cast<double>(std::min(block, size - cell * block));
  };
  std::vector<double> sums(static_cast<size_t>(picture.columns)), areas(sums.size());
  std::vector<uint8_t> most(sums.size());
  for (int64_t row = 0; row < picture.rows; ++row) {
    std::fill(sums.begin(), sums.end(), 0), std::fill(areas.begin(), areas.end(), 0);
    std::fill(most.begin(), most.end(), uint8_t{0});
    for (int64_t i = row << up; i < std::min(base.rows, (row + 1) << up); ++i) {
      const double height = width(i, map_.queries());
      for (int64_t j = 0; j < base.columns; ++j) {
        const uint8_t byte = base.bytes[static_cast<size_t>(i * base.columns + j)];
        const auto cell = static_cast<size_t>(j >> up);
        most[cell] = std::max(most[cell], byte);
        if (pool_ == MapPool::max) continue;
        const double area = height * width(j, map_.keys());
        sums[cell] += area * weights[byte], areas[cell] += area;
      }
    }
    for (size_t cell = 0; cell < sums.size(); ++cell)
      picture.bytes.push_back(pool_ == MapPool::max ? most[cell]
                                                    : scale_.byte_of(sums[cell] / areas[cell]));
  }
  return picture;
}

PyramidTile MapPyramid::tile(int64_t level, int64_t x, int64_t y) const {
  check("level", level, levels_);
  check("x", x, std::max<int64_t>(1, (columns(level) + kSide - 1) / kSide));
  check("y", y, std::max<int64_t>(1, (rows(level) + kSide - 1) / kSide));
  PyramidTile part{
      std::min(kSide, rows(level) - y * kSide), std::min(kSide, columns(level) - x * kSide), {}};
  if (level >= first_) {
    const auto& all = stored_[static_cast<size_t>(level - first_)];
    for (int64_t i = 0; i < part.rows; ++i) {
      const auto from = all.bytes.begin() + (y * kSide + i) * all.columns + x * kSide;
      part.bytes.insert(part.bytes.end(), from, from + part.columns);
    }
    return part;
  }
  const int64_t block = int64_t{1} << level, side = kSide * block;
  const auto range = [&](int64_t place, int64_t size) {
    return Range{place * side, std::min(size, (place + 1) * side)};
  };
  const auto weights =
      map_.tile(range(y, map_.queries()), range(x, map_.keys()), block, pool_, batch_, head_)
          .to(at::kCPU, at::kDouble)
          .contiguous();
  const std::span<const double> all(weights.data_ptr<double>(),
                                    static_cast<size_t>(weights.numel()));
  for (const double weight : all) part.bytes.push_back(scale_.byte_of(weight));
  return part;
}

}  // namespace heed::lens
