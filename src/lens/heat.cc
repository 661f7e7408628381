#include "heed/lens/heat.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

constexpr Colour kNotANumber{255, 40, 60};
constexpr int kSteps = 256;

uint8_t to_srgb(double linear) {
  const double x = std::clamp(linear, 0.0, 1.0);
  const double encoded = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  return static_cast<uint8_t>(std::lround(255 * encoded));
}

Colour from_oklch(double lightness, double chroma, double degrees) {
  const double hue = degrees * std::numbers::pi / 180;
  const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {to_srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          to_srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          to_srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

/// The chroma stays inside sRGB for every hue on the way, so that nothing is clipped.
std::array<Colour, kSteps> make_table() {
  std::array<Colour, kSteps> table;
  for (int i = 0; i < kSteps; ++i) {
    const double t = i / double{kSteps - 1};
    table[i] = from_oklch(0.24 + 0.70 * t, 0.09 + 0.09 * std::pow(t, 4), 300 - 195 * t);
  }
  return table;
}

uint8_t blend(uint8_t below, uint8_t above, double alpha) {
  return static_cast<uint8_t>(std::lround((1 - alpha) * below + alpha * above));
}

Colour over_grey(Colour colour, uint8_t grey, double alpha) {
  return {blend(grey, colour.red, alpha), blend(grey, colour.green, alpha),
          blend(grey, colour.blue, alpha)};
}

uint8_t grey_of(Colour c) {
  return static_cast<uint8_t>(std::lround(0.299 * c.red + 0.587 * c.green + 0.114 * c.blue));
}

/// A float64 matrix on the CPU.
at::Tensor matrix_of(const at::Tensor& matrix) {
  if (matrix.dim() != 2 || matrix.numel() == 0) {
    throw UsageError("a heat map of a tensor of shape " + c10::str(matrix.sizes()) +
                     ": expected (rows, columns), neither 0");
  }
  return matrix.detach().to(at::kCPU, at::kDouble).contiguous();
}

}  // namespace

Colour heat(double t) noexcept {
  static const auto table = make_table();
  if (std::isnan(t)) return kNotANumber;
  return table[std::lround(std::clamp(t, 0.0, 1.0) * (kSteps - 1))];
}

Scale Scale::of(const std::vector<at::Tensor>& values) {
  bool any = false;
  Scale scale{0, 0};  // low is at most 0
  for (const auto& tensor : values) {
    const auto finite = tensor.masked_select(tensor.isfinite());
    if (finite.numel() == 0) continue;
    const double low = finite.min().item<double>(), high = finite.max().item<double>();
    scale = {std::min(scale.low, low), any ? std::max(scale.high, high) : high};
    any = true;
  }
  return scale;
}

std::string Scale::note() const {
  return low == 0 ? "colours start at 0" : "colours start at the least value";
}

Canvas heat_map(const at::Tensor& matrix, const Scale& scale) {
  const auto values = matrix_of(matrix);
  const auto value = values.accessor<double, 2>();
  Canvas result(values.size(1), values.size(0));
  for (int64_t y = 0; y < result.height(); ++y) {
    for (int64_t x = 0; x < result.width(); ++x) result.at(x, y) = heat(scale(value[y][x]));
  }
  return result;
}

at::Tensor spread(const at::Tensor& grid, int64_t height, int64_t width) {
  auto cells = matrix_of(grid).unsqueeze(0).unsqueeze(0);
  const int64_t rows = std::min(height, cells.size(2)), columns = std::min(width, cells.size(3));
  cells = at::adaptive_avg_pool2d(cells, {rows, columns});
  return at::upsample_bilinear2d(cells, {height, width}, false)[0][0].contiguous();
}

Canvas overlay(const Canvas& image, const at::Tensor& grid, const Scale& scale, double alpha) {
  const auto values = spread(grid, image.height(), image.width());
  const auto value = values.accessor<double, 2>();
  Canvas result(image.width(), image.height());
  for (int64_t y = 0; y < result.height(); ++y) {
    for (int64_t x = 0; x < result.width(); ++x) {
      const Colour colour = heat(scale(value[y][x]));
      result.at(x, y) = over_grey(colour, grey_of(image.at(x, y)), alpha);
    }
  }
  return result;
}

Canvas legend(int64_t width, int64_t height, double alpha) {
  Canvas result(width, height);
  for (int64_t x = 0; x < width; ++x) {
    const Colour colour = heat(width > 1 ? x / double(width - 1) : 0);
    for (int64_t y = 0; y < height; ++y) {
      result.at(x, y) = over_grey(colour, y < height / 2 ? 0 : 255, alpha);
    }
  }
  return result;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace heed::lens
