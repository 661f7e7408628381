#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "heed/data/image.h"

namespace heed::data {
namespace {

constexpr int kBits =
    22;  // of a weight behind the point: 8 of a pixel and 2 of overshoot are left of 32

/// Which inputs make one output of an axis: weights[k] * 2^-22 of input first + k; they sum to 1
/// but for their rounding.
struct Taps {
  int64_t first;
  std::vector<int32_t> weights;
};

double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

/// Keys (1981), "Cubic convolution interpolation for digital image processing", a = -1/2.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kBits);
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/// Of the part [begin, end) of an axis of `from` pixels. Pixels are squares: the middle of output i
/// lies at begin + (i + 1/2) scale, that of input k at k + 1/2.
std::vector<Taps> taps_of(int64_t from, float begin, float end, int64_t to, Resample resample) {
  const auto filter = resample == Resample::bilinear ? triangle : cubic;
  const double scale = static_cast<double>(end - begin) / static_cast<double>(to);
  const double stretched = std::max(scale, 1.0);
  const double reach = (resample == Resample::bilinear ? 1.0 : 2.0) * stretched;
  std::vector<Taps> taps(static_cast<size_t>(to));
  std::vector<double> weights;
  for (int64_t i = 0; i < to; ++i) {
    const double middle = begin + (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(middle - reach + 0.5));
    const auto last = std::min(from, static_cast<int64_t>(middle + reach + 0.5));
    weights.clear();
    double sum = 0;
    for (int64_t k = first; k < last; ++k) {
      weights.push_back(filter((static_cast<double>(k) - middle + 0.5) * (1 / stretched)));
      sum += weights.back();
    }
    auto& out = taps[static_cast<size_t>(i)] = {first, {}};
    for (const double weight : weights)
      out.weights.push_back(to_fixed(sum != 0 ? weight / sum : weight));
  }
  return taps;
}

constexpr int32_t kHalf = 1 << (kBits - 1);

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

/// Rows first .. last - 1 of in (H, W) to (last - first, w).
void resize_rows(const uint8_t* in, int64_t width, int64_t first, int64_t last,
                 const std::vector<Taps>& taps, uint8_t* out) {
  for (int64_t y = first; y < last; ++y) {
    for (const Taps& tap : taps) {
      const uint8_t* from = in + y * width + tap.first;
      int32_t sum = kHalf;
      for (size_t k = 0; k < tap.weights.size(); ++k) sum += tap.weights[k] * from[k];
      *out++ = to_byte(sum);
    }
  }
}

/// in, whose first row is row `first` of the image, to (h, w).
void resize_columns(const uint8_t* in, int64_t width, int64_t first, const std::vector<Taps>& taps,
                    uint8_t* out) {
  std::vector<int32_t> row(static_cast<size_t>(width));
  for (const Taps& tap : taps) {
    std::fill(row.begin(), row.end(), kHalf);
    for (size_t k = 0; k < tap.weights.size(); ++k) {
      const uint8_t* from = in + (tap.first - first + static_cast<int64_t>(k)) * width;
      const int32_t weight = tap.weights[k];
      for (int64_t x = 0; x < width; ++x) row[static_cast<size_t>(x)] += weight * from[x];
    }
    for (const int32_t sum : row) *out++ = to_byte(sum);
  }
}

void check_box(const ImageShape& shape, const Box& box, int64_t height, int64_t width) {
  if (height < 1 || width < 1)
    throw UsageError("resize: height and width must be at least 1, given " +
                     std::to_string(height) + " x " + std::to_string(width));
  const bool inside = box.x0 >= 0 && box.y0 >= 0 && box.x1 <= static_cast<double>(shape.width) &&
                      box.y1 <= static_cast<double>(shape.height);
  if (!inside || !(box.x0 < box.x1) || !(box.y0 < box.y1))
    throw UsageError("resize: expected a part of an image of " + to_text(shape) + ", given " +
                     std::to_string(box.x0) + ", " + std::to_string(box.y0) + " to " +
                     std::to_string(box.x1) + ", " + std::to_string(box.y1));
}

bool is_whole(double begin, double end, int64_t from, int64_t to) {
  return from == to && begin == 0 && end == static_cast<double>(to);
}

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width, Resample resample) {
  const auto& shape = image.shape;
  return resize(image, {0, 0, static_cast<double>(shape.width), static_cast<double>(shape.height)},
                height, width, resample);
}

Image resize(const Image& image, const Box& box, int64_t height, int64_t width, Resample resample) {
  const ImageShape from = image.shape;
  check_box(from, box, height, width);
  const bool across = !is_whole(box.x0, box.x1, from.width, width);
  const bool down = !is_whole(box.y0, box.y1, from.height, height);
  if (!across && !down) return image;
  const ImageShape to{from.channels, height, width};
  Image out{to, std::vector<uint8_t>(static_cast<size_t>(to.values()))};
  const auto columns =
      taps_of(from.width, static_cast<float>(box.x0), static_cast<float>(box.x1), width, resample);
  const auto rows = taps_of(from.height, static_cast<float>(box.y0), static_cast<float>(box.y1),
                            height, resample);
  const int64_t first = down ? rows.front().first : 0;
  const int64_t last = down ? rows.back().first + std::ssize(rows.back().weights) : from.height;
  std::vector<uint8_t> between(across ? static_cast<size_t>((last - first) * width) : 0);
  for (int64_t c = 0; c < from.channels; ++c) {
    const uint8_t* in = image.values.data() + c * from.pixels();
    uint8_t* end = out.values.data() + c * to.pixels();
    if (across) resize_rows(in, from.width, first, last, columns, down ? between.data() : end);
    if (down) resize_columns(across ? between.data() : in + first * width, width, first, rows, end);
  }
  return out;
}

Image with_channels(const Image& image, int64_t channels) {
  if (channels != 1 && channels != 3)
    throw UsageError("with_channels: channels must be 1 or 3, given " + std::to_string(channels));
  if (image.shape.channels == channels) return image;
  const ImageShape to{channels, image.shape.height, image.shape.width};
  Image out{to, {}};
  out.values.reserve(static_cast<size_t>(to.values()));
  const auto pixels = static_cast<size_t>(to.pixels());
  if (channels == 3) {
    for (int c = 0; c < 3; ++c)
      out.values.insert(out.values.end(), image.values.begin(), image.values.end());
    return out;
  }
  for (size_t i = 0; i < pixels; ++i) {
    const uint32_t sum = 19595u * image.values[i] + 38470u * image.values[pixels + i] +
                         7471u * image.values[2 * pixels + i];
    out.values.push_back(static_cast<uint8_t>((sum + (1u << 15)) >> 16));
  }
  return out;
}

}  // namespace heed::data
