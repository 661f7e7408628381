// From a stored image to what a model is fed: random changes for training, then normalisation.
#pragma once

#include <cstdint>
#include <vector>

#include "heed/core/fields.h"
#include "heed/core/random.h"
#include "heed/data/dataset.h"

namespace heed::data {

inline constexpr double kSmallestErased = 0.02;  ///< area of an erased rectangle, of the image's

/// Random changes of a training image, made in this order. The default changes nothing.
struct AugmentOptions {
  double crop = 1;    ///< smallest area of a random crop that is stretched back to size; 1: no crop
  bool flip = false;  ///< left-right, for half of the images
  int64_t shift = 0;  ///< moved by up to so many pixels each way: padding with black and cropping
  double erase = 0;   ///< probability of erasing a rectangle
  double erase_area = 0.4;  ///< its largest area, of the image's; the smallest is 0.02

  template <class Visitor>
  void fields(Visitor&& v) {
    v("crop", crop, "smallest area of a random crop, stretched back to size; 1: none", above(0, 1));
    v("flip", flip, "flip left-right half of the images");
    v("shift", shift, "pixels by which an image is moved at most, each way; black comes in",
      between(0, 65535));
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

/// Images of one shape to float32.
class Transform {
 public:
  /// Throws UsageError that names the field: out of its range, a normalisation that is empty or
  /// does not fit the channels, a shift as large as the image.
  Transform(const ImageShape& shape, const AugmentOptions& augment, const Normalization& normalize);

  /// Writes shape.values() floats, layout as in Image. `random` decides the changes: equal
  /// generators, equal pixels. Crop: area uniform in [crop, 1], aspect ratio log-uniform in
  /// [3/4, 4/3], bilinear (Szegedy et al. 2015). Erasing: area uniform in [0.02, erase_area],
  /// aspect ratio uniform in [0.3, 1/0.3], noise uniform in 0..1 before normalisation (Zhong et al.
  /// 2020, random values). Aspect ratios are relative to the image's; a side longer than the
  /// image's is cut to it. Throws UsageError for an image of another shape.
  void operator()(const Image& image, Random random, float* out) const;

 private:
  void erase(Random& random, float* out) const;

  ImageShape shape_;
  AugmentOptions augment_;
  std::vector<float> scale_, offset_;  // of each channel: out = value * scale + offset
};

}  // namespace heed::data
