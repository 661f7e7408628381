// From a stored image to what a model is fed: random changes for training, then normalisation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "heed/core/fields.h"
#include "heed/core/random.h"
#include "heed/data/dataset.h"
#include "heed/data/placement.h"

namespace heed::data {

inline constexpr double kSmallestErased = 0.02;  ///< area of an erased rectangle, of the image's

/// Random changes of a training image, made in this order. The default changes nothing.
struct AugmentOptions {
  double crop = 1;      ///< smallest area of a random crop that becomes the whole image; 1: no crop
  bool window = false;  ///< with fit = native: anywhere in the image, not in its middle
  double scale = 1;     ///< of a window: made up to so many times larger or smaller
  bool flip = false;    ///< left-right, for half of the images
  bool flip_vertical = false;  ///< top-bottom, for half of the images
  int64_t shift = 0;  ///< moved by up to so many pixels each way: padding with black and cropping
  double mosaic = 0;  ///< probability of an image that is joined of parts of four
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;  ///< as torchvision's ColorJitter
  double erase = 0;         ///< probability of erasing a rectangle
  double erase_area = 0.4;  ///< its largest area, of the image's; the smallest is 0.02

  template <class Visitor>
  void fields(Visitor&& v) {
    v("crop", crop, "smallest area of a random crop that becomes the whole image; 1: none",
      above(0, 1));
    v("window", window,
      "with input.fit = native: the part that is read lies anywhere in the image");
    v("scale", scale,
      "with window: the part is made up to so many times larger or smaller; 1: it keeps its pixels",
      between(1, 16));
    v("flip", flip, "flip left-right half of the images");
    v("flip_vertical", flip_vertical, "flip top-bottom half of the images");
    v("shift", shift, "pixels by which an image is moved at most, each way; black comes in",
      between(0, 65535));
    v("mosaic", mosaic,
      "probability of an image that is joined of parts of four, of heads that say where things are",
      between(0, 1));
    v("brightness", brightness,
      "values are multiplied by 1 - x to 1 + x (torchvision's ColorJitter, as the next three)",
      between(0, 100));
    v("contrast", contrast, "the same of their distance from the mean of the grey image",
      between(0, 100));
    v("saturation", saturation, "the same of their distance from their own grey", between(0, 100));
    v("hue", hue, "colours are turned by up to this part of the circle of colours, each way",
      between(0, 0.5));
    v("erase", erase, "probability of filling a random rectangle with noise", between(0, 1));
    v("erase_area", erase_area, "largest area of that rectangle, of the image's",
      between(kSmallestErased, 1));
  }
};

/// out = (value / 255 - mean) / std, a channel each. One number serves every channel.
struct Normalization {
  std::vector<double> mean = {}, std = {};  ///< empty: measured from the training data

  template <class Visitor>
  void fields(Visitor&& v) {
    v("mean", mean, "of each channel, values in 0..1; empty: measured from the training data",
      between(-1e6, 1e6));
    v("std", std, "standard deviation of each channel; empty: measured", between(1e-12, 1e6));
  }
};

/// Mean and standard deviation of each channel over all images, exact sums. Throws DataError for
/// a channel that never changes (its std, 0, cannot divide). Decodes everything, on all
/// threads.
Normalization measure(const ImageDataset& dataset);

/// How images are fitted to the shape that a model reads.
struct Fitting {
  Fit fit = Fit::stretch;
  Resample resample = Resample::bilinear;
};

/// Images to float32 of one shape.
class Transform {
 public:
  /// Throws UsageError that names the field: out of its range, a normalisation that is empty or
  /// does not fit the channels, a shift as large as the image.
  Transform(const ImageShape& shape, const AugmentOptions& augment, const Normalization& normalize,
            const Fitting& fitting = {});

  /// Whether images are cut, mirrored, moved or joined: otherwise placing one is fitting it.
  bool moves() const noexcept {
    return augment_.crop < 1 || augment_.window || augment_.flip || augment_.flip_vertical ||
           augment_.shift > 0 || augment_.mosaic > 0;
  }

  /// Draws where an image of a shape lies, in part perhaps outside the target (`clipped`).
  /// Crop (Szegedy et al. 2015, as torchvision's RandomResizedCrop): up to ten times an area uniform
  /// in [crop, 1] of the image's and an aspect ratio log-uniform in [3/4, 4/3], until such a part of
  /// whole pixels lies within the image; else the largest part from the middle. It takes the place
  /// of `fit`, whose aspect ratio is 1 here: the image's where it stretches, else the target's.
  /// Window: where it begins is uniform among the pixels with which it lies within the image; with a
  /// scale over 1 it first has the target's sides over s, log-uniform in [1/scale, scale], cut to the
  /// image's, and is drawn s times as large in the middle of the target.
  Placement place(const ImageShape& source, Random& random) const;

  /// Draws whether images are joined (`mosaic`); `first` and three of `count` that are drawn, too,
  /// become the quarters around a point uniform in the middle half of the target, each a part of the
  /// quarter's shape with an area uniform in [crop, 1] of the largest such part, mirrored where the flips
  /// say so. Otherwise the first alone, as place() says. `shape_of(i)`: the shape of image i.
  std::vector<Placement> layout(int64_t first, int64_t count,
                                const std::function<ImageShape(int64_t)>& shape_of,
                                Random& random) const;
  Resample resample() const noexcept { return fitting_.resample; }

  /// Colours are changed first (ColorJitter), then values normalised, then a rectangle is erased.
  /// Writes shape.values() floats, layout as in Image, of an image of the target's shape. Erasing:
  /// area uniform in [0.02, erase_area], aspect ratio (relative to the image's) uniform in
  /// [0.3, 1/0.3], noise uniform in 0..1 before normalisation (Zhong et al. 2020, random values).
  /// Throws UsageError for an image of another shape.
  void finish(Image image, Random& random, float* out) const;

  /// place, draw, finish. `random` decides the changes: equal generators, equal pixels. Throws
  /// UsageError for an image of other channels.
  void operator()(const Image& source, Random random, float* out) const;

 private:
  void crop(const ImageShape& source, Placement& placed, Random& random) const;
  Placement quarter(const ImageShape& source, Placement target, Random& random) const;
  void erase(Random& random, float* out) const;

  ImageShape shape_;
  AugmentOptions augment_;
  Fitting fitting_;
  std::vector<float> scale_, offset_;  // of each channel: out = value * scale + offset
};

}  // namespace heed::data
