// What a front end makes of a recording.
#pragma once

#include <cstdint>
#include <string>

namespace heed::cli {

struct FeaturesBench {
  std::string recording;
  std::string input;          ///< keys of [input] as TOML: 'features = "mfcc"'; empty: the samples
  int64_t sampling_rate = 0;  ///< of the samples; 0: as they are
};

/// Prints the features of a recording as a .npy array (bands, frames), or its samples (1, samples).
/// bench/peers/features.py compares them with what others make of these samples.
void bench_features(const FeaturesBench& bench);

}  // namespace heed::cli
