// Worse images: noise, blur, occlusion, by stated strengths.
#pragma once

#include "heed/core/random.h"
#include "heed/data/image.h"

namespace heed::data {

/// Adds to every value a normal number of mean 0 and this standard deviation, of 255; rounded to the
/// nearest and cut to 0..255.
void add_gaussian_noise(Image& image, double std, Random random);

/// Every plane under a Gaussian of this standard deviation in pixels, cut at three of them and summed
/// to 1; beyond the border stands the last pixel. Rounded to the nearest.
void blur(Image& image, double std);

/// Blackens one rectangle of the image's shape, of this share of its area, anywhere within it.
void occlude(Image& image, double area, Random random);

}  // namespace heed::data
