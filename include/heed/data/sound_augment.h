// Random changes of recordings and of their features, for training.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/core/random.h"
#include "heed/data/sound.h"
#include "heed/data/sound_features.h"

namespace heed::data {

/// Changes of the samples, made in this order. The default changes nothing.
struct SoundAugmentOptions {
  double speed = 0;
  double shift = 0;
  double noise = 0;
  std::string noise_folder = {};
  double least_snr = 5, most_snr = 20;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("speed", speed,
      "played faster or slower by up to this share, pitch and all (Ko et al. 2015); 0: none",
      between(0, 0.5));
    v("shift", shift, "seconds by which a recording is moved at most, each way; silence comes in",
      between(0, 3600));
    v("noise", noise, "probability that noise is added", between(0, 1));
    if (noise == 0) return;
    v("noise_folder", noise_folder, "recordings of which a part is the noise; empty: white noise");
    v("least_snr", least_snr, "decibels of the recording over the noise, at least",
      between(-100, 100));
    v("most_snr", most_snr, "the same, at most", between(-100, 100));
  }

  /// Throws ModelError that names the field.
  void check() const;
};

/// SpecAugment (Park et al. 2019) without warping: stretches of frames and of bands lose what they say. A masked value is its
/// band's mean over the recording.
struct SpecAugmentOptions {
  int64_t time_masks = 0, time_mask = 25;
  double time_share = 0.2;
  int64_t band_masks = 0, band_mask = 7;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("time_masks", time_masks, "stretches of frames that are masked (SpecAugment)",
      between(0, 100));
    v("time_mask", time_mask, "frames of one at most", between(0, 1 << 20));
    v("time_share", time_share, "the same, of the recording's frames", between(0, 1));
    v("band_masks", band_masks, "stretches of bands that are masked", between(0, 100));
    v("band_mask", band_mask, "bands of one at most", between(0, 1 << 16));
  }
};

/// What is chosen of files of noise.
using NoiseSounds = std::vector<Sound>;

/// A recording, or all of a folder by name, at a rate. Throws FileError, and DataError for a folder without any, a file that is
/// none, and one that holds nothing but silence.
NoiseSounds read_noise(const std::filesystem::path& path, int64_t sampling_rate);

/// Adds white noise (normal) where there are no `sounds`, else a part of one of them, drawn, which begins with what is no
/// silence and is repeated where it is too short; times what makes 10 log10(energy / its energy) = snr. Silence stays as it is.
void add_noise(std::vector<float>& samples, double snr, const NoiseSounds& sounds, Random& random);

/// speed: resampled by 1 / (1 + u), u uniform in -speed .. speed. shift: by a uniform number of samples. noise: add_noise, of
/// an snr uniform in least_snr .. most_snr. `random` decides all of it.
void augment(Sound& sound, const SoundAugmentOptions& options, const NoiseSounds& sounds,
             Random& random);

/// Masks, each of a uniform width from 0 to its most, at a uniform place. `groups`: bands stand in so many groups of equal
/// size (with deltas), which are masked alike.
void augment(SoundFeatures& features, const SpecAugmentOptions& options, int64_t groups,
             Random& random);

}  // namespace heed::data
