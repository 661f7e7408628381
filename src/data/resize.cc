#include <algorithm>
#include <cmath>

#include "heed/core/error.h"
#include "heed/data/image.h"

namespace heed::data {
namespace {

/// Which inputs make one output of an axis: weights[k] belongs to input first + k; they sum to 1.
struct Taps {
  int64_t first;
  std::vector<float> weights;
};

std::vector<Taps> triangle(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(1.0, scale);
  std::vector<Taps> taps(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    // Pixels are squares: the middle of output i lies at (i + 1/2) scale - 1/2 among the middles of
    // the inputs.
    const double middle = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(std::ceil(middle - reach)));
    const auto last = std::min(from - 1, static_cast<int64_t>(std::floor(middle + reach)));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t k = first; k <= last; ++k) {
      weights.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(k) - middle) / reach));
      sum += weights.back();
    }
    auto& out = taps[static_cast<size_t>(i)] = {first, {}};
    for (const double weight : weights) out.weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

/// in (H, W) bytes -> (H, w).
std::vector<float> resize_rows(const uint8_t* in, int64_t height, int64_t width,
                               const std::vector<Taps>& taps) {
  std::vector<float> out;
  out.reserve(static_cast<size_t>(height) * taps.size());
  for (int64_t y = 0; y < height; ++y) {
    for (const Taps& tap : taps) {
      float sum = 0;
      for (size_t k = 0; k < tap.weights.size(); ++k)
        sum += tap.weights[k] * in[y * width + tap.first + static_cast<int64_t>(k)];
      out.push_back(sum);
    }
  }
  return out;
}

/// in (H, w) -> out (h, w) bytes.
void resize_columns(const std::vector<float>& in, int64_t width, const std::vector<Taps>& taps,
                    uint8_t* out) {
  std::vector<float> row(static_cast<size_t>(width));
  for (const Taps& tap : taps) {
    std::fill(row.begin(), row.end(), 0.5f);  // rounds to the nearest
    for (size_t k = 0; k < tap.weights.size(); ++k) {
      const float* from = in.data() + (tap.first + static_cast<int64_t>(k)) * width;
      for (int64_t x = 0; x < width; ++x) row[static_cast<size_t>(x)] += tap.weights[k] * from[x];
    }
    for (const float value : row) *out++ = static_cast<uint8_t>(std::min(value, 255.f));
  }
}

}  // namespace

Image resize(const Image& image, int64_t height, int64_t width) {
  if (height < 1 || width < 1)
    throw UsageError("resize: height and width must be at least 1, given " +
                     std::to_string(height) + " x " + std::to_string(width));
  const ImageShape from = image.shape;
  if (from.height == height && from.width == width) return image;
  const ImageShape to{from.channels, height, width};
  Image out{to, std::vector<uint8_t>(static_cast<size_t>(to.values()))};
  const auto across = triangle(from.width, width), down = triangle(from.height, height);
  for (int64_t c = 0; c < from.channels; ++c) {
    const auto rows =
        resize_rows(image.values.data() + c * from.pixels(), from.height, from.width, across);
    resize_columns(rows, width, down, out.values.data() + c * to.pixels());
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
    const uint32_t sum = 299u * image.values[i] + 587u * image.values[pixels + i] +
                         114u * image.values[2 * pixels + i];
    out.values.push_back(static_cast<uint8_t>((sum + 500) / 1000));
  }
  return out;
}

}  // namespace heed::data
