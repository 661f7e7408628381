#include "data/corrupt.h"

#include <algorithm>
#include <cmath>

#include "data/normal.h"

namespace heed::data {
namespace {

uint8_t nearest_byte(double value) {
  return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
}

std::vector<double> gaussian(double std) {
  const auto reach = static_cast<int64_t>(std::ceil(3 * std));
  std::vector<double> weights;
  double sum = 0;
  for (int64_t i = -reach; i <= reach; ++i) {
    weights.push_back(std::exp(-double(i * i) / (2 * std * std)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// `count` values that lie `step` apart, under the weights.
void blur_line(const double* in, double* out, int64_t count, int64_t step,
               const std::vector<double>& weights) {
  const auto reach = static_cast<int64_t>(weights.size() / 2);
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int64_t k = -reach; k <= reach; ++k)
      sum += weights[static_cast<size_t>(k + reach)] *
             in[std::clamp<int64_t>(i + k, 0, count - 1) * step];
    out[i * step] = sum;
  }
}

}  // namespace

void add_gaussian_noise(Image& image, double std, Random random) {
  for (auto& value : image.values) value = nearest_byte(value + std * normal(random));
}

void blur(Image& image, double std) {
  const auto weights = gaussian(std);
  const int64_t height = image.shape.height, width = image.shape.width;
  std::vector<double> plane(static_cast<size_t>(height * width)), across(plane.size());
  for (int64_t c = 0; c < image.shape.channels; ++c) {
    uint8_t* values = image.values.data() + c * image.shape.pixels();
    std::copy_n(values, plane.size(), plane.begin());
    for (int64_t y = 0; y < height; ++y)
      blur_line(&plane[static_cast<size_t>(y * width)], &across[static_cast<size_t>(y * width)],
                width, 1, weights);
    for (int64_t x = 0; x < width; ++x)
      blur_line(&across[static_cast<size_t>(x)], &plane[static_cast<size_t>(x)], height, width,
                weights);
    std::transform(plane.begin(), plane.end(), values, nearest_byte);
  }
}

void occlude(Image& image, double area, Random random) {
  const auto side = [&](int64_t all) {
    return std::clamp<int64_t>(std::llround(std::sqrt(area) * double(all)), 1, all);
  };
  const auto& shape = image.shape;
  const int64_t height = side(shape.height), width = side(shape.width);
  const int64_t top = random.below(static_cast<uint32_t>(shape.height - height + 1));
  const int64_t left = random.below(static_cast<uint32_t>(shape.width - width + 1));
  for (int64_t c = 0; c < shape.channels; ++c)
    for (int64_t y = top; y < top + height; ++y)
      std::fill_n(image.values.data() + c * shape.pixels() + y * shape.width + left, width,
                  uint8_t{0});
}

}  // namespace heed::data
