// Sound as a model of speech reads it: the logarithm of the energy in bands of mel frequency.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heed/core/fields.h"

namespace heed::data {

/// Whisper's (Radford et al. 2022) as they stand: preprocessor_config.json's sampling_rate, n_fft, hop_length, feature_size and
/// chunk_length.
struct LogMelOptions {
  int64_t sampling_rate = 16000;  ///< samples a second
  int64_t window = 400;           ///< samples of a frame
  int64_t hop = 160;              ///< samples from one frame to the next
  int64_t mels = 80;              ///< bands
  int64_t seconds =
      30;  ///< that a model reads: silence behind what is shorter; 0: as many as there are

  template <class Visitor>
  void fields(Visitor&& v) {
    v("sampling_rate", sampling_rate, "samples a second", between(1, 1 << 20));
    v("window", window, "samples of a frame", between(4, 1 << 16));
    v("hop", hop, "samples from one frame to the next", between(1, 1 << 16));
    v("mels", mels, "bands of mel frequency", between(1, 4096));
    v("seconds", seconds, "that a model reads, with silence behind a shorter sound; 0: all",
      between(0, 86400));
  }
};

/// (mels, frames), a row a band; frames = samples / hop.
struct LogMel {
  int64_t frames = 0;
  std::vector<float> values;
};

/// With x mirrored at both ends by window / 2 samples, frame t, bin k and band m:
///
///   P[t, k] = | sum_n hann(n) x[t hop + n] e^(-2 pi i k n / window) |^2      hann(n) = 1/2 - 1/2 cos(2 pi n / window)
///   M[m, t] = log10 max(1e-10, sum_k W[m, k] P[t, k])
///   result  = (max(M, max over all of M - 8) + 4) / 4
///
/// W: triangles over mel frequencies of Slaney's Auditory Toolbox from 0 to half the sampling rate, each of area 1 in Hz
/// (norm and mel_scale "slaney"). Equal to transformers' WhisperFeatureExtractor within 1e-4.
///
/// `samples`: one channel, finite, -1 to 1, at the sampling rate. Throws UsageError for an option out of its bounds or more bands
/// than there are bins, DataError: fewer than window / 2 + 1 samples where nothing is put behind them, more than `seconds`
/// (with both counts), a sample that is not finite (with its number). Cost: O(frames window log window), in double.
LogMel log_mel(std::span<const float> samples, const LogMelOptions& options = {});

}  // namespace heed::data
