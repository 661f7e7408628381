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
constexpr double kChromaSlope = 0.23, kMostChroma = 0.134;  // inside sRGB at every lightness

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

/// From blue over white to orange.
std::array<Colour, 2 * kSteps - 1> make_diverging_table() {
  std::array<Colour, 2 * kSteps - 1> table;
  for (int i = 0; i < 2 * kSteps - 1; ++i) {
    const double t = i / double{kSteps - 1} - 1, size = std::abs(t);
    const double chroma = std::min(kChromaSlope * size, kMostChroma);
    table[i] = from_oklch(0.98 - 0.43 * size, chroma, t < 0 ? 255 : 55);
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

/// The colour of t in [0, 1] over a pixel of an image; of a signed scale 0.5 is no colour.
Colour overlaid(uint8_t grey, double t, bool is_signed, double alpha) {
  if (!is_signed || std::isnan(t)) return over_grey(heat(t), grey, alpha);
  const double size = std::clamp(2 * t - 1, -1.0, 1.0);
  return over_grey(diverging(size < 0 ? -1 : 1), grey, alpha * std::abs(size));
}

double along(int64_t x, int64_t width) { return width > 1 ? double(x) / double(width - 1) : 0; }

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

Colour diverging(double t) noexcept {
  static const auto table = make_diverging_table();
  if (std::isnan(t)) return kNotANumber;
  return table[std::lround((std::clamp(t, -1.0, 1.0) + 1) * (kSteps - 1))];
}

Colour Scale::colour(double value) const noexcept {
  if (!is_signed) return heat((*this)(value));
  return diverging(high > 0 || std::isnan(value) ? value / high : 0);
}

Scale Scale::symmetric(const std::vector<at::Tensor>& values) {
  const Scale range = of(values);
  const double most = std::max(std::abs(range.low), std::abs(range.high));
  return {-most, most, true};
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
  if (is_signed) return "0 has no colour; orange is above, blue below";
  return low == 0 ? "colours start at 0" : "colours start at the least value";
}

Canvas heat_map(const at::Tensor& matrix, const Scale& scale) {
  const auto values = matrix_of(matrix);
  const auto value = values.accessor<double, 2>();
  Canvas result(values.size(1), values.size(0));
  for (int64_t y = 0; y < result.height(); ++y) {
    for (int64_t x = 0; x < result.width(); ++x) result.at(x, y) = scale.colour(value[y][x]);
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
      result.at(x, y) =
          overlaid(grey_of(image.at(x, y)), scale(value[y][x]), scale.is_signed, alpha);
    }
  }
  return result;
}

Canvas legend(int64_t width, int64_t height, bool is_signed) {
  Canvas result(width, height);
  for (int64_t x = 0; x < width; ++x) {
    const double t = along(x, width);
    result.fill(x, 0, 1, height, is_signed ? diverging(2 * t - 1) : heat(t));
  }
  return result;
}

Canvas overlay_legend(int64_t width, int64_t height, bool is_signed) {
  Canvas result(width, height);
  for (int64_t x = 0; x < width; ++x) {
    const double t = along(x, width);
    result.fill(x, 0, 1, height / 2, overlaid(0, t, is_signed, kOverlayAlpha));
    result.fill(x, height / 2, 1, height, overlaid(255, t, is_signed, kOverlayAlpha));
  }
  return result;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace heed::lens
