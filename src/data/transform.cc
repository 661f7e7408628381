#include "heed/data/transform.h"

#include <algorithm>
#include <cmath>

#include "data/colour.h"
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
  require(augment.mosaic >= 0 && augment.mosaic <= 1, "mosaic", augment.mosaic,
          "a probability, 0 to 1");
  require(augment.mosaic == 0 || std::min(shape.height, shape.width) >= 4, "mosaic", augment.mosaic,
          "0 for images of less than 4 pixels a side");
  const bool grey = shape.channels == 1;
  require(augment.brightness >= 0, "brightness", augment.brightness, "0 or more");
  require(augment.contrast >= 0, "contrast", augment.contrast, "0 or more");
  require(augment.saturation >= 0 && !(grey && augment.saturation > 0), "saturation",
          augment.saturation, grey ? "0 for grey images, which have none" : "0 or more");
  require(augment.hue >= 0 && augment.hue <= 0.5 && !(grey && augment.hue > 0), "hue", augment.hue,
          grey ? "0 for grey images, which have none" : "0 to 0.5");
  require(augment.crop > 0 && augment.crop <= 1, "crop", augment.crop,
          "an area over 0 and at most 1");
  require(augment.scale >= 1 && augment.scale <= 16, "scale", augment.scale, "1 to 16");
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

constexpr int kCropTries = 10;

/// The largest part from the middle of a width and height whose ratio is at most `widest` and at least its inverse, where
/// `ratio` is 1.
void crop_middle(const ImageShape& source, double ratio, double widest, Placement& placed) {
  double width = static_cast<double>(source.width), height = static_cast<double>(source.height);
  if (width / height < ratio / widest) height = std::round(width / (ratio / widest));
  if (width / height > ratio * widest) width = std::round(height * (ratio * widest));
  placed.x0 = std::floor((static_cast<double>(source.width) - width) / 2);
  placed.y0 = std::floor((static_cast<double>(source.height) - height) / 2);
  placed.x1 = placed.x0 + width, placed.y1 = placed.y0 + height;
}

/// Makes the window one whose pixels are drawn s times as large, s log-uniform in [1 / most, most].
void scale_window(const ImageShape& source, const ImageShape& shape, double most, Placement& placed,
                  Random& random) {
  const double s = std::exp(draw(random, -std::log(most), std::log(most)));
  const auto side = [&](int64_t all, int64_t target, double& begin, double& end, int64_t& first,
                        int64_t& size) {
    const auto wanted = std::max<int64_t>(1, std::llround(static_cast<double>(target) / s));
    const auto part = std::min(wanted, all);
    if (part < wanted)  // the whole image is too small to fill the target
      size = std::clamp<int64_t>(std::llround(static_cast<double>(part) * s), 1, target);
    else
      size = target;
    first = (target - size) / 2;
    begin = 0, end = static_cast<double>(part);
  };
  side(source.height, shape.height, placed.y0, placed.y1, placed.top, placed.height);
  side(source.width, shape.width, placed.x0, placed.x1, placed.left, placed.width);
}

void mirror(const AugmentOptions& augment, Placement& placed, Random& random) {
  if (augment.flip) placed.flip = random.bits() & 1;
  if (augment.flip_vertical) placed.flip_vertical = random.bits() & 1;
}

void move_window(const ImageShape& source, Placement& placed, Random& random) {
  const double width = placed.x1 - placed.x0, height = placed.y1 - placed.y0;
  const auto free = [](int64_t side, double part) {
    return static_cast<uint32_t>(side - static_cast<int64_t>(part) + 1);
  };
  placed.y0 = random.below(free(source.height, height)), placed.y1 = placed.y0 + height;
  placed.x0 = random.below(free(source.width, width)), placed.x1 = placed.x0 + width;
}

}  // namespace

Transform::Transform(const ImageShape& shape, const AugmentOptions& augment,
                     const Normalization& normalize, const Fitting& fitting)
    : shape_(shape), augment_(augment), fitting_(fitting) {
  check(augment, shape);
  if (augment.window && (fitting.fit != Fit::native || augment.crop < 1))
    throw UsageError(
        "augment.window: a part of an image's own pixels is for fit = native, without crop; set "
        "input.fit, or leave it out");
  if (augment.scale > 1 && !augment.window)
    throw UsageError("augment.scale: it is of the part that augment.window chooses; set that, too");
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

Placement Transform::place(const ImageShape& source, Random& random) const {
  auto placed = fitted_placement(source, shape_, fitting_.fit);
  if (augment_.crop < 1) crop(source, placed, random);
  if (augment_.scale > 1) scale_window(source, shape_, augment_.scale, placed, random);
  if (augment_.window) move_window(source, placed, random);
  mirror(augment_, placed, random);
  if (augment_.shift > 0) {
    const auto span = static_cast<uint32_t>(2 * augment_.shift + 1);
    placed.top += static_cast<int64_t>(random.below(span)) - augment_.shift;
    placed.left += static_cast<int64_t>(random.below(span)) - augment_.shift;
  }
  return placed;
}

std::vector<Placement> Transform::layout(int64_t first, int64_t count,
                                         const std::function<ImageShape(int64_t)>& shape_of,
                                         Random& random) const {
  if (augment_.mosaic <= 0 || random.uniform() >= static_cast<float>(augment_.mosaic)) {
    auto placed = place(shape_of(first), random);
    placed.example = first;
    return {placed};
  }
  const auto within = [&](int64_t side) {
    return side / 4 + static_cast<int64_t>(random.below(static_cast<uint32_t>(side / 2 + 1)));
  };
  const int64_t x = within(shape_.width), y = within(shape_.height);
  const int64_t right = shape_.width - x, bottom = shape_.height - y;
  std::vector<Placement> quarters{{.width = x, .height = y},
                                  {.left = x, .width = right, .height = y},
                                  {.top = y, .width = x, .height = bottom},
                                  {.left = x, .top = y, .width = right, .height = bottom}};
  const size_t own = random.below(4);
  for (size_t i = 0; i < quarters.size(); ++i) {
    auto& target = quarters[i];
    target.example = i == own ? first : random.below(static_cast<uint32_t>(count));
    target = quarter(shape_of(target.example), target, random);
  }
  return quarters;
}

Placement Transform::quarter(const ImageShape& source, Placement target, Random& random) const {
  const double width = static_cast<double>(source.width),
               height = static_cast<double>(source.height);
  double ratio = static_cast<double>(target.width) / static_cast<double>(target.height);
  if (fitting_.fit == Fit::stretch)  // as the whole image is stretched
    ratio *=
        width / height * static_cast<double>(shape_.height) / static_cast<double>(shape_.width);
  const double share = std::sqrt(draw(random, augment_.crop, 1));
  const double part_width = share * std::min(width, height * ratio);
  const double part_height = std::min(height, part_width / ratio);
  target.x0 = draw(random, 0, width - part_width),
  target.y0 = draw(random, 0, height - part_height);
  target.x1 = std::min(width, target.x0 + part_width);
  target.y1 = std::min(height, target.y0 + part_height);
  mirror(augment_, target, random);
  return target;
}

void Transform::crop(const ImageShape& source, Placement& placed, Random& random) const {
  const auto& like = fitting_.fit == Fit::stretch ? source : shape_;
  const double ratio = static_cast<double>(like.width) / static_cast<double>(like.height);
  const double range = std::log(1 / kCropAspect);
  placed.left = placed.top = 0, placed.width = shape_.width, placed.height = shape_.height;
  for (int i = 0; i < kCropTries; ++i) {
    const double area = draw(random, augment_.crop, 1) * static_cast<double>(source.pixels());
    const double aspect = ratio * std::exp(draw(random, -range, range));
    const auto width = std::llround(std::sqrt(area * aspect));
    const auto height = std::llround(std::sqrt(area / aspect));
    if (width < 1 || height < 1 || width > source.width || height > source.height) continue;
    placed.y0 = random.below(static_cast<uint32_t>(source.height - height + 1));
    placed.x0 = random.below(static_cast<uint32_t>(source.width - width + 1));
    placed.x1 = placed.x0 + static_cast<double>(width);
    placed.y1 = placed.y0 + static_cast<double>(height);
    return;
  }
  crop_middle(source, ratio, 1 / kCropAspect, placed);
}

/// Of one image alone, whatever `mosaic` says.
void Transform::operator()(const Image& source, Random random, float* out) const {
  if (source.shape.channels != shape_.channels)
    throw UsageError("transform: expected an image of " + std::to_string(shape_.channels) +
                     " channels, given " + to_text(source.shape));
  const auto placed = place(source.shape, random);
  Image drawn{shape_, std::vector<uint8_t>(static_cast<size_t>(shape_.values()))};
  draw_placement(source, placed, fitting_.resample, drawn);
  finish(std::move(drawn), random, out);
}

void Transform::finish(Image image, Random& random, float* out) const {
  if (image.shape != shape_)
    throw UsageError("transform: expected an image of " + to_text(shape_) + ", given " +
                     to_text(image.shape));
  const ColourRanges colours{augment_.brightness, augment_.contrast, augment_.saturation,
                             augment_.hue};
  if (colours.any()) jitter_colours(image, colours, random);
  const auto pixels = static_cast<size_t>(shape_.pixels());
  for (size_t c = 0; c < static_cast<size_t>(shape_.channels); ++c) {
    const float scale = scale_[c], offset = offset_[c];
    const uint8_t* in = image.values.data() + c * pixels;
    for (size_t i = 0; i < pixels; ++i)
      out[c * pixels + i] = static_cast<float>(in[i]) * scale + offset;
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
