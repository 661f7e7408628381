#include "tasks/heads/image_patches.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/random.h"

namespace heed {
namespace {

constexpr int64_t kMostPatches = 4096;                // different ones
constexpr uint64_t kQuantizing = 0x9E3779B97F4A7C15;  // apart from what the input draws

/// levels ^ pixels, or more than kMostPatches.
int64_t power_within(int64_t levels, int64_t pixels) {
  int64_t power = 1;
  for (int64_t i = 0; i < pixels && power <= kMostPatches; ++i) power *= levels;
  return power;
}

}  // namespace

void PatchOptions::check() const {
  if (patch.size() != 2)
    throw ModelError(
        text_of("patch: expected [height, width] in pixels, given ", patch.size(), " numbers"));
}

ImagePatches::ImagePatches(const PatchOptions& options, const ImageShape& shape)
    : shape_(shape),
      levels_(options.levels),
      height_(options.patch.at(0)),
      width_(options.patch.at(1)) {
  if (shape.height % height_ != 0 || shape.width % width_ != 0)
    throw ModelError(text_of("head.patch: expected divisors of the image's height ", shape.height,
                             " and width ", shape.width, ", given ", height_, " and ", width_));
  rows_ = shape.height / height_, columns_ = shape.width / width_;
  int64_t values = height_ * width_ * shape.channels;  // of a token
  vocabulary_ = power_within(levels_, values);
  if (vocabulary_ > kMostPatches && height_ * width_ == 1)
    parts_ = shape.channels, values = 1, vocabulary_ = levels_;
  if (vocabulary_ > kMostPatches)
    throw ModelError(text_of("head.patch: ", values, " values of ", levels_,
                             " levels are more than ", kMostPatches,
                             " different patches; give fewer levels or a smaller patch"));
  powers_ = at::empty({values}, at::kLong);
  for (int64_t i = 0, power = 1; i < values; ++i, power *= levels_)
    powers_.data_ptr<int64_t>()[i] = power;
}

at::Tensor ImagePatches::tokens(const at::Tensor& levels) const {
  return levels.reshape({-1, shape_.channels, rows_, height_, columns_, width_})
      .permute({0, 2, 4, 3, 5, 1})             // (B, rows, columns, height, width, C)
      .reshape({levels.size(0), count(), -1})  // (B, N, k)
      .mul(powers_)
      .sum(2);
}

at::Tensor ImagePatches::levels(const at::Tensor& tokens) const {
  return tokens.unsqueeze(2)
      .div(powers_, "floor")
      .remainder(levels_)  // (B, N, k)
      .reshape({tokens.size(0), rows_, columns_, height_, width_, shape_.channels})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({tokens.size(0), shape_.channels, shape_.height, shape_.width});
}

std::string ImagePatches::name(int64_t token) const {
  static constexpr const char* kColours[] = {"red", "green", "blue"};
  const int64_t place = token / parts_;
  const auto text = text_of(place / columns_ + 1, ",", place % columns_ + 1);
  return parts_ == 1 ? text : text + " " + kColours[token % parts_ % 3];
}

data::Image ImagePatches::image(const at::Tensor& levels) const {
  data::Image image{shape_, {}};
  const auto all = levels.contiguous();
  const auto* level = all.data_ptr<int64_t>();
  for (int64_t i = 0; i < shape_.values(); ++i)
    image.values.push_back(
        static_cast<uint8_t>((level[i] * 255 + (levels_ - 1) / 2) / (levels_ - 1)));
  return image;
}

at::Tensor quantized(const PatchOptions& options, const at::Tensor& values,
                     const at::Tensor& examples, const Draw& draw) {
  const auto from = values.to(at::kFloat).contiguous();
  auto levels = at::empty(from.sizes(), at::kLong);
  const auto numbers = examples.contiguous();
  const int64_t count = from.numel() / std::max<int64_t>(from.size(0), 1);
  const auto* value = from.data_ptr<float>();
  auto* level = levels.data_ptr<int64_t>();
  const auto most = static_cast<double>(options.levels - 1);
  for (int64_t b = 0; b < from.size(0); ++b) {
    Random random(draw.seed ^ kQuantizing, static_cast<uint32_t>(draw.epoch),
                  static_cast<uint32_t>(numbers.data_ptr<int64_t>()[b]));
    for (int64_t i = b * count; i < (b + 1) * count; ++i) {
      const double up = options.quantize == Quantize::stochastic ? random.uniform() : 0.5;
      const double exact = static_cast<double>(value[i]) * most / 255;
      level[i] = static_cast<int64_t>(std::clamp(std::floor(exact + up), 0.0, most));
    }
  }
  return levels;
}

at::Tensor values_of(const at::Tensor& pixels, const NormalizedPixels& normalized) {
  const auto channels = [](const std::vector<double>& all) {
    return at::tensor(all).to(at::kFloat).view({1, -1, 1, 1});
  };
  return ((pixels.cpu() * channels(normalized.std) + channels(normalized.mean)) * 255)
      .round()
      .clamp(0, 255);
}

}  // namespace heed
