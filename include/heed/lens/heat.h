// Numbers as colours.
#pragma once

#include <torch/types.h>

#include <cmath>
#include <string>
#include <vector>

#include "heed/lens/canvas.h"

namespace heed::lens {

/// The colour of t in [0, 1] (cut off outside): from dark violet over teal to yellow, computed in
/// OKLCH (Ottosson 2020, "A perceptual color space for image processing") with lightness 0.24 +
/// 0.70 t, so that equal steps of t look equal, also in grey and to colour-blind eyes. NaN has a
/// red that no number has.
Colour heat(double t) noexcept;

/// The colour of t in [-1, 1] (cut off outside): blue below 0, white at 0, orange above, which
/// colour-blind eyes tell apart, as light for -t as for t (OKLCH, lightness 0.98 - 0.43 |t|). NaN as
/// above.
Colour diverging(double t) noexcept;

/// What is left out of a scale: a grey that neither ramp has.
inline constexpr Colour kLeftOut{190, 190, 194};

/// What the first and the last colour mean.
struct Scale {
  double low = 0, high = 1;
  bool is_signed = false;  ///< low = -high, and colours are those of diverging()

  /// heat() of where the value lies between low and high, or diverging() of value / high.
  Colour colour(double value) const noexcept;

  /// (value - low) / (high - low); where both are equal 0, or 0.5 of a signed scale.
  double operator()(double value) const noexcept {
    if (high > low) return (value - low) / (high - low);
    return std::isnan(value) ? value : is_signed ? 0.5 : 0;
  }
  /// What legends say beside the two ends.
  std::string note() const;
  /// From 0, or the least finite value of the tensors if that is less, to the greatest; {0, 0}
  /// where there is none. A scale from the least value would stretch weights that hardly differ
  /// over all colours.
  static Scale of(const std::vector<at::Tensor>& values);
  /// From -m to m, m the greatest finite |value|.
  static Scale symmetric(const std::vector<at::Tensor>& values);
};

/// A matrix as colours, one pixel an element.
Canvas heat_map(const at::Tensor& matrix, const Scale& scale);

/// A grid (rows, columns) laid over height x width pixels, float64: bilinear between the centres of
/// its cells, constant beyond the outermost ones; where there are more cells than pixels they are
/// averaged first.
at::Tensor spread(const at::Tensor& grid, int64_t height, int64_t width);

/// Weights over an image: pixel = (1 - a) grey(image) + a colour, with w = spread(grid). Of a scale
/// without sign the colour is heat(scale(w)) and a = alpha; of a signed one it is that of w's sign at
/// its end, and a = alpha |w| / high, so that where nothing counts the image is as it was. The image
/// is grey so that every hue is a weight.
inline constexpr double kOverlayAlpha = 0.65;
Canvas overlay(const Canvas& image, const at::Tensor& grid, const Scale& scale,
               double alpha = kOverlayAlpha);

/// The colours of a scale from the low end (left) to the high end.
Canvas legend(int64_t width, int64_t height, bool is_signed = false);

/// The same as `overlay` makes of them over black (upper half) and over white (lower half).
Canvas overlay_legend(int64_t width, int64_t height, bool is_signed = false);

/// Three significant digits: "0.0123", "1.5e-05".
std::string number(double value);

}  // namespace heed::lens
