#include "heed/data/transform.h"

#include <algorithm>
#include <cmath>

#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr double kEraseAspect = 0.3;     // to 1 / 0.3
constexpr double kCropAspect = 3.0 / 4;  // to 4 / 3

void require(bool good, const char* field, double given, const char* expected) {
  if (!good)
    throw UsageError(std::string("augment.") + field + ": expected " + expected + ", given " +
                     std::to_string(given));
}

void check(const AugmentOptions& augment, const ImageShape& shape) {
  require(augment.crop > 0 && augment.crop <= 1, "crop", augment.crop,
          "an area over 0 and at most 1");
  require(augment.shift >= 0 && augment.shift < std::min(shape.height, shape.width), "shift",
          static_cast<double>(augment.shift), "0 or more pixels, fewer than the image's sides");
  require(augment.erase >= 0 && augment.erase <= 1, "erase", augment.erase,
          "a probability, 0 to 1");
  require(augment.erase_area >= kSmallestErased && augment.erase_area <= 1, "erase_area",
          augment.erase_area, "an area, 0.02 to 1");
}

/// The channel's own number, or the only one.
double of_channel(const std::vector<double>& given, const char* field, int64_t channel,
                  int64_t channels) {
  if (given.size() != 1 && static_cast<int64_t>(given.size()) != channels)
    throw UsageError(std::string("normalize.") + field + ": expected 1 or " +
                     std::to_string(channels) + " numbers (one per channel), given " +
                     std::to_string(given.size()));
  return given[given.size() == 1 ? 0 : static_cast<size_t>(channel)];
}

double draw(Random& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random.uniform());
}

struct Rectangle {
  double top, left, height, width;  // pixels
};

/// Somewhere within the image, of `area` of it, `aspect` times as high for its width as the
/// image. Sides are cut to the image's.
Rectangle somewhere(Random& random, const ImageShape& shape, double area, double aspect) {
  const double full_height = static_cast<double>(shape.height);
  const double full_width = static_cast<double>(shape.width);
  const double height = full_height * std::min(1.0, std::sqrt(area * aspect));
  const double width = full_width * std::min(1.0, std::sqrt(area / aspect));
  const double top = draw(random, 0, full_height - height);
  return {top, draw(random, 0, full_width - width), height, width};
}

/// Where an output of a stretched axis lies between two inputs.
struct Between {
  int64_t low, high;
  float weight;  // of high
};

std::vector<Between> stretch(double first, double extent, int64_t size) {
  std::vector<Between> at(static_cast<size_t>(size));
  const double scale = extent / static_cast<double>(size);
  for (int64_t i = 0; i < size; ++i) {
    const double middle = std::clamp(first + (static_cast<double>(i) + 0.5) * scale - 0.5, 0.0,
                                     static_cast<double>(size - 1));
    const auto low = static_cast<int64_t>(middle);
    at[static_cast<size_t>(i)] = {low, std::min(low + 1, size - 1),
                                  static_cast<float>(middle - static_cast<double>(low))};
  }
  return at;
}

/// Fills out (C, H, W) with the part of the image, bilinear.
void crop(const Image& image, const Rectangle& part, std::vector<float>& out) {
  const ImageShape& shape = image.shape;
  const auto down = stretch(part.top, part.height, shape.height);
  const auto across = stretch(part.left, part.width, shape.width);
  out.clear();
  for (int64_t c = 0; c < shape.channels; ++c) {
    const uint8_t* plane = image.values.data() + c * shape.pixels();
    for (const Between& y : down) {
      const uint8_t* low = plane + y.low * shape.width;
      const uint8_t* high = plane + y.high * shape.width;
      for (const Between& x : across) {
        const float a = low[x.low] + x.weight * static_cast<float>(low[x.high] - low[x.low]);
        const float b = high[x.low] + x.weight * static_cast<float>(high[x.high] - high[x.low]);
        out.push_back(a + y.weight * (b - a));
      }
    }
  }
}

struct Move {
  int64_t down, right;
  bool flip;
};

/// One plane, flipped, then moved, then out = value * scale + offset; what comes in from outside is
/// black.
template <class Value>
void place(const Value* in, const ImageShape& shape, const Move& move, float scale, float offset,
           float* out) noexcept {
  const int64_t width = shape.width;
  const int64_t begin = std::max<int64_t>(0, move.right), end = std::min(width, width + move.right);
  for (int64_t y = 0; y < shape.height; ++y, out += width) {
    const int64_t from = y - move.down;
    if (from < 0 || from >= shape.height) {
      std::fill_n(out, width, offset);
      continue;
    }
    const Value* row = in + from * width;
    std::fill(out, out + begin, offset);
    std::fill(out + end, out + width, offset);
    if (move.flip) {
      const Value* last = row + (width - 1 + move.right);
      for (int64_t x = begin; x < end; ++x) out[x] = static_cast<float>(last[-x]) * scale + offset;
    } else {
      const Value* first = row - move.right;
      for (int64_t x = begin; x < end; ++x) out[x] = static_cast<float>(first[x]) * scale + offset;
    }
  }
}

}  // namespace

Transform::Transform(const ImageShape& shape, const AugmentOptions& augment,
                     const Normalization& normalize)
    : shape_(shape), augment_(augment) {
  check(augment, shape);
  for (int64_t c = 0; c < shape.channels; ++c) {
    const double mean = of_channel(normalize.mean, "mean", c, shape.channels);
    const double deviation = of_channel(normalize.std, "std", c, shape.channels);
    if (!std::isfinite(mean) || !std::isfinite(deviation) || !(deviation > 0))
      throw UsageError("normalize: expected a finite mean and a std over 0, given " +
                       std::to_string(mean) + " and " + std::to_string(deviation));
    scale_.push_back(static_cast<float>(1 / (255 * deviation)));
    offset_.push_back(static_cast<float>(-mean / deviation));
  }
}

void Transform::operator()(const Image& image, Random random, float* out) const {
  if (image.shape != shape_)
    throw UsageError("transform: expected an image of " + to_text(shape_) + ", given " +
                     to_text(image.shape));
  std::vector<float> cropped;
  if (augment_.crop < 1) {
    const double area = draw(random, augment_.crop, 1);
    const double range = std::log(1 / kCropAspect);
    const double aspect = std::exp(draw(random, -range, range));
    crop(image, somewhere(random, shape_, area, aspect), cropped);
  }
  Move move{0, 0, false};
  if (augment_.flip) move.flip = random.bits() & 1;
  if (augment_.shift > 0) {
    const auto span = static_cast<uint32_t>(2 * augment_.shift + 1);
    move.down = static_cast<int64_t>(random.below(span)) - augment_.shift;
    move.right = static_cast<int64_t>(random.below(span)) - augment_.shift;
  }
  for (int64_t c = 0; c < shape_.channels; ++c) {
    const auto channel = static_cast<size_t>(c);
    const int64_t at = c * shape_.pixels();
    if (cropped.empty())
      place(image.values.data() + at, shape_, move, scale_[channel], offset_[channel], out + at);
    else
      place(cropped.data() + at, shape_, move, scale_[channel], offset_[channel], out + at);
  }
  if (augment_.erase > 0 && random.uniform() < static_cast<float>(augment_.erase))
    erase(random, out);
}

void Transform::erase(Random& random, float* out) const {
  const double area = draw(random, kSmallestErased, augment_.erase_area);
  const double aspect = draw(random, kEraseAspect, 1 / kEraseAspect);
  const Rectangle part = somewhere(random, shape_, area, aspect);
  const auto top = static_cast<int64_t>(part.top), left = static_cast<int64_t>(part.left);
  const int64_t bottom =
      std::min(shape_.height, top + std::max<int64_t>(1, std::llround(part.height)));
  const int64_t right =
      std::min(shape_.width, left + std::max<int64_t>(1, std::llround(part.width)));
  for (int64_t c = 0; c < shape_.channels; ++c) {
    const float scale = scale_[static_cast<size_t>(c)] * 255,
                offset = offset_[static_cast<size_t>(c)];
    for (int64_t y = top; y < bottom; ++y)
      for (int64_t x = left; x < right; ++x)
        out[c * shape_.pixels() + y * shape_.width + x] = random.uniform() * scale + offset;
  }
}

}  // namespace heed::data
