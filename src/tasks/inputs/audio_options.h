// [input] kind = "audio" of a recipe.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/feature_file.h"
#include "heed/data/front_end.h"
#include "heed/data/log_mel.h"
#include "heed/data/sound_augment.h"
#include "heed/data/sound_features.h"

namespace heed {

/// What makes features of samples; unknown: a model's folder does not say, so that no recording can be read.
enum class AudioFeatures { log_mel, fbank, mfcc, file, unknown };
constexpr std::array<const char*, 5> words(AudioFeatures) {
  return {"log_mel", "fbank", "mfcc", "file", "unknown"};
}

struct AudioInputOptions {
  std::string column = "audio";
  AudioFeatures features = AudioFeatures::log_mel;
  data::LogMelOptions log_mel;
  data::FrontEndOptions front_end;
  double seconds = 0;
  bool fill = false;
  data::FeatureFileOptions file;
  std::vector<int64_t> shape;
  data::RecordingNormalization normalize_recording = data::RecordingNormalization::none;
  int64_t deltas = 0;
  bool standardize = false;
  std::vector<double> mean, std;
  int64_t channel = 0;
  data::SoundAugmentOptions augment;
  data::SpecAugmentOptions spec_augment;
  int64_t workers = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the file of each recording, relative to the file that names it");
    v("features", features,
      "log_mel: Whisper's; fbank: energies in bands of mel frequency; mfcc: cepstra of them; file: "
      "the column names files of features that were made before (Sphinx's .mfc, NumPy's .npy); "
      "unknown: of a folder that does not say how its features are made, so that no recording can "
      "be read");
    if (features == AudioFeatures::log_mel) v("log_mel", log_mel, "");
    if (has_front_end()) {
      front_end.kind =
          features == AudioFeatures::mfcc ? data::FrontEndKind::mfcc : data::FrontEndKind::fbank;
      v("front_end", front_end, "");
      v("seconds", seconds, "that a model reads at most; 0: any number", between(0, 86400));
      v("fill", fill, "whether silence stands behind a shorter recording, until `seconds`");
    }
    if (features == AudioFeatures::file) v("file", file, "");
    if (features == AudioFeatures::unknown)
      v("shape", shape, "[bands, frames] of the features", between(1, kMostLength));
    if (of_samples()) {
      v("channel", channel, "of several, the one that is read, from 1; 0: their mean",
        between(0, 1024));
      v("augment", augment, "random changes of training recordings");
    }
    if (features != AudioFeatures::unknown) {
      v("normalize_recording", normalize_recording,
        "what is taken from each band of a recording: its own mean there, and its deviation");
      v("deltas", deltas, "1, 2: how bands change, and how that does, as bands behind them",
        between(0, 2));
      v("standardize", standardize,
        "whether each band gets mean 0 and deviation 1 over the training data");
      v("spec_augment", spec_augment, "random masks over features of training");
      if (standardize) {
        v("mean", mean, "of each band; empty: measured from the training data", between(-1e9, 1e9));
        v("std", std, "standard deviation of each band; empty: measured", above(0, 1e9));
      }
    }
    v("workers", workers,
      "threads that read recordings ahead; changes no result; 0: as many as Heed has",
      between(0, 256));
  }

  void check() const;

  bool has_front_end() const {
    return features == AudioFeatures::fbank || features == AudioFeatures::mfcc;
  }
  /// Whether features are made of samples here.
  bool of_samples() const { return has_front_end() || features == AudioFeatures::log_mel; }
  int64_t sampling_rate() const {
    return has_front_end() ? front_end.sampling_rate : log_mel.sampling_rate;
  }
  double most_seconds() const { return has_front_end() ? seconds : double(log_mel.seconds); }
  const char* seconds_key() const {
    return has_front_end() ? "input.seconds" : "input.log_mel.seconds";
  }
  /// That a recording has at most; 0: any number.
  int64_t samples() const;
  /// The same of frames.
  int64_t frames() const;
  /// The fewest samples of which a frame is made.
  int64_t least_samples() const;
  /// Of that many samples, without silence behind them.
  int64_t frames_of(int64_t samples) const;
  int64_t bands() const;
  /// Whether every recording has frames() of them, silence among them.
  bool is_filled() const;
  double frames_per_second() const;
};

}  // namespace heed
