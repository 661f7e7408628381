#include "data/colour.h"

#include <algorithm>
#include <array>

namespace heed::data {
namespace {

uint8_t blend(float a, float b, float factor) {
  return static_cast<uint8_t>(std::clamp(factor * a + (1 - factor) * b, 0.f, 255.f));
}

/// Every value blended with the same one.
void blend_all(Image& image, float with, float factor) {
  std::array<uint8_t, 256> becomes{};
  for (size_t i = 0; i < becomes.size(); ++i)
    becomes[i] = blend(static_cast<float>(i), with, factor);
  for (auto& value : image.values) value = becomes[value];
}

uint8_t grey_at(const Image& image, size_t i) {
  if (image.shape.channels == 1) return image.values[i];
  const auto pixels = static_cast<size_t>(image.shape.pixels());
  const auto* values = image.values.data();
  return static_cast<uint8_t>(0.2989f * static_cast<float>(values[i]) +
                              0.587f * static_cast<float>(values[pixels + i]) +
                              0.114f * static_cast<float>(values[2 * pixels + i]));
}

/// A part of the circle of colours, -1 .. 2, as one of 0 .. 1.
float around(float part) { return part < 0 ? part + 1 : part >= 1 ? part - 1 : part; }

struct Hsv {
  float hue, saturation, value;
};

Hsv to_hsv(float r, float g, float b) {
  const float most = std::max({r, g, b}), least = std::min({r, g, b}), range = most - least;
  if (range == 0) return {0, 0, most};
  const float rc = (most - r) / range, gc = (most - g) / range, bc = (most - b) / range;
  const float sixth = most == r ? bc - gc : most == g ? 2 + rc - bc : 4 + gc - rc;
  return {around(sixth / 6), range / most, most};
}

std::array<float, 3> to_rgb(const Hsv& hsv) {
  const float sixths = hsv.hue * 6;
  const int sector = static_cast<int>(sixths);
  const float rest = sixths - static_cast<float>(sector);
  const auto unit = [](float x) { return std::clamp(x, 0.f, 1.f); };
  const float v = hsv.value, s = hsv.saturation;
  const float p = unit(v * (1 - s)), q = unit(v * (1 - s * rest)),
              t = unit(v * (1 - s * (1 - rest)));
  switch (sector % 6) {
    case 0:
      return {v, t, p};
    case 1:
      return {q, v, p};
    case 2:
      return {p, v, t};
    case 3:
      return {p, q, v};
    case 4:
      return {t, p, v};
    default:
      return {v, p, q};
  }
}

float factor_of(double range, Random& random) {
  const double least = std::max(0.0, 1 - range);
  return static_cast<float>(least + (1 + range - least) * static_cast<double>(random.uniform()));
}

}  // namespace

void change_brightness(Image& image, float factor) { blend_all(image, 0, factor); }

void change_contrast(Image& image, float factor) {
  const auto pixels = static_cast<size_t>(image.shape.pixels());
  uint64_t sum = 0;
  for (size_t i = 0; i < pixels; ++i) sum += grey_at(image, i);
  const auto mean = static_cast<float>(static_cast<double>(sum) / static_cast<double>(pixels));
  blend_all(image, mean, factor);
}

void change_saturation(Image& image, float factor) {
  if (image.shape.channels == 1) return;
  const auto pixels = static_cast<size_t>(image.shape.pixels());
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t grey = grey_at(image, i);
    for (size_t c = 0; c < 3; ++c) {
      auto& value = image.values[c * pixels + i];
      value = blend(value, grey, factor);
    }
  }
}

void turn_hue(Image& image, float turn) {
  if (image.shape.channels == 1) return;
  const auto pixels = static_cast<size_t>(image.shape.pixels());
  for (size_t i = 0; i < pixels; ++i) {
    uint8_t* at[] = {&image.values[i], &image.values[pixels + i], &image.values[2 * pixels + i]};
    auto hsv = to_hsv(static_cast<float>(*at[0]) / 255, static_cast<float>(*at[1]) / 255,
                      static_cast<float>(*at[2]) / 255);
    hsv.hue = around(hsv.hue + turn);
    const auto rgb = to_rgb(hsv);
    for (size_t c = 0; c < 3; ++c) *at[c] = static_cast<uint8_t>(rgb[c] * (255.f + 1.f - 1e-3f));
  }
}

void jitter_colours(Image& image, const ColourRanges& ranges, Random& random) {
  std::array<int, 4> order = {0, 1, 2, 3};
  for (uint32_t i = 4; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  for (const int which : order) {
    if (which == 0 && ranges.brightness > 0)
      change_brightness(image, factor_of(ranges.brightness, random));
    if (which == 1 && ranges.contrast > 0)
      change_contrast(image, factor_of(ranges.contrast, random));
    if (which == 2 && ranges.saturation > 0)
      change_saturation(image, factor_of(ranges.saturation, random));
    if (which == 3 && ranges.hue > 0)
      turn_hue(image, static_cast<float>(ranges.hue) * (2 * random.uniform() - 1));
  }
}

}  // namespace heed::data
