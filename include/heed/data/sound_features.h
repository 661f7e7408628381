// What a model of sound reads of a recording: numbers of each frame, and what may be done to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace heed::data {

/// (bands, frames), a row a band.
struct SoundFeatures {
  int64_t bands = 0, frames = 0;
  std::vector<float> values = {};

  float at(int64_t band, int64_t frame) const {
    return values[static_cast<size_t>(band * frames + frame)];
  }
};

/// What is taken from each band of a recording by itself: its mean (cepstral mean normalisation, which takes a microphone's
/// colour away), and what is left by its standard deviation.
enum class RecordingNormalization { none, mean, mean_and_std };
constexpr std::array<const char*, 3> words(RecordingNormalization) {
  return {"none", "mean", "mean_and_std"};
}

/// x[c, t] - mean over t of x[c], and, with mean_and_std, that by sqrt(mean of its square); a band that does not change gives
/// zeros. Cost: O(bands frames), sums in double.
void normalize_recording(SoundFeatures& features, RecordingNormalization how);

/// How bands change, behind the bands themselves: (bands (1 + order), frames). Kaldi's add-deltas with a window of 2:
///
///   d1[c, t] = sum over k = -2 .. 2 of k / 10  x[c, t + k]
///   d2[c, t] = sum over j, k of j k / 100  x[c, t + j + k]
///
/// where x before the first and behind the last frame is that frame. Throws UsageError unless order is 0, 1 or 2.
SoundFeatures with_deltas(SoundFeatures features, int64_t order);

/// (x[c, t] - mean[c]) / std[c]. Throws UsageError where these are not as many as bands.
void standardize(SoundFeatures& features, const std::vector<double>& mean,
                 const std::vector<double>& std);

}  // namespace heed::data
