// Files of features that others made of sound: Sphinx's .mfc and NumPy's .npy.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "heed/core/fields.h"
#include "heed/data/sound_features.h"

namespace heed::data {

/// Which axis of an array stands first.
enum class FeatureOrder { frames_first, bands_first };
constexpr std::array<const char*, 2> words(FeatureOrder) { return {"frames_first", "bands_first"}; }

struct FeatureFileOptions {
  int64_t coefficients = 13;
  FeatureOrder order = FeatureOrder::frames_first;
  double frames_per_second = 100;
  int64_t max_frames = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("coefficients", coefficients, "numbers of each frame", between(1, 1 << 16));
    v("order", order, "of a .npy file's two axes; a .mfc file has a frame behind the other");
    v("frames_per_second", frames_per_second, "for times of tokens", between(0.001, 1e6));
    v("max_frames", max_frames, "that a model reads at most; 0: any number",
      between(0, kMostLength));
  }
};

/// Reads, by what the file begins with:
///
///   .npy   two axes of float32 or float64, either byte order, C or Fortran order (NumPy's formats 1, 2 and 3)
///   .mfc   int32 n, then n float32: frames of `coefficients` numbers (Sphinx). Either byte order: that in which 4 + 4 n is
///          the file's size, big-endian where both are.
///
/// -> (coefficients, frames), at least one frame. Throws FileError where the file cannot be read; DataError that names it for
/// a header that does not fit the file, another number of coefficients, no frames, and a number that is not finite (with its
/// frame). Cost: O(bytes).
SoundFeatures read_feature_file(const std::filesystem::path& file,
                                const FeatureFileOptions& options);
/// The same of the bytes of a file; `name` stands in messages.
SoundFeatures decode_feature_file(std::span<const uint8_t> file, const std::string& name,
                                  const FeatureFileOptions& options);

}  // namespace heed::data
