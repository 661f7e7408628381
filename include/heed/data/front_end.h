// Sound to what a model reads of it: energies in bands of mel frequency (fbank), or cepstra of them (mfcc).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/sound_features.h"

namespace heed::data {

/// Whose numbers: kaldi-native-fbank's defaults, librosa's (feature.melspectrogram in decibels, feature.mfcc), and those of
/// Google's speech commands models ("mfcc_tf": KWT, MHAtt-RNN).
enum class FrontEndPreset { kaldi, librosa, speech_commands };
constexpr std::array<const char*, 3> words(FrontEndPreset) {
  return {"kaldi", "librosa", "speech_commands"};
}

enum class FrontEndKind { fbank, mfcc };

enum class SoundWindow { hann, hamming, povey, blackman, rectangular };
constexpr std::array<const char*, 5> words(SoundWindow) {
  return {"hann", "hamming", "povey", "blackman", "rectangular"};
}

/// What stands before and behind the samples where a frame needs it.
enum class FrameEdges { whole, symmetric, reflect, zeros };
constexpr std::array<const char*, 4> words(FrameEdges) {
  return {"whole", "symmetric", "reflect", "zeros"};
}

enum class MelScale { htk, slaney };
constexpr std::array<const char*, 2> words(MelScale) { return {"htk", "slaney"}; }

/// Along which axis the sides of a triangle are straight.
enum class MelTriangles { mel, hz };
constexpr std::array<const char*, 2> words(MelTriangles) { return {"mel", "hz"}; }

enum class EnergyLog { natural, log10, decibel };
constexpr std::array<const char*, 3> words(EnergyLog) { return {"natural", "log10", "decibel"}; }

enum class FrameEnergy { none, raw, windowed };
constexpr std::array<const char*, 3> words(FrameEnergy) { return {"none", "raw", "windowed"}; }

enum class DctNorm { ortho, equal };
constexpr std::array<const char*, 2> words(DctNorm) { return {"ortho", "equal"}; }

/// Every number of a front end. Preset, kind and sampling rate give the others, and a recipe may say any of them otherwise.
struct FrontEndOptions {
  explicit FrontEndOptions(FrontEndPreset preset = FrontEndPreset::kaldi,
                           FrontEndKind kind = FrontEndKind::fbank, int64_t sampling_rate = 16000)
      : kind(kind), preset(preset), sampling_rate(sampling_rate) {
    take_preset();
  }

  FrontEndKind kind;
  FrontEndPreset preset;
  int64_t sampling_rate;
  // What a preset gives.
  int64_t window, hop, fft;
  SoundWindow window_type;
  bool periodic;
  FrameEdges edges;
  double scale;
  bool remove_dc_offset;
  double preemphasis;
  int64_t power;
  int64_t mels;
  MelScale mel_scale;
  MelTriangles triangles;
  bool mel_norm;
  double low_hz, high_hz;
  EnergyLog log;
  double floor, dynamic_range;
  FrameEnergy energy;
  int64_t cepstra;
  DctNorm dct_norm;
  double lifter;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("preset", preset, "whose numbers the keys below have where the recipe says nothing");
    v("sampling_rate", sampling_rate, "samples a second; others are changed to it",
      between(1, 1 << 20));
    if (!has_preset()) take_preset();
    v("window", window, "samples of a frame", between(4, 1 << 16));
    v("hop", hop, "samples from one frame to the next", between(1, 1 << 16));
    v("fft", fft, "samples that are transformed: a frame and zeros behind it", between(4, 1 << 17));
    v("window_type", window_type, "what a frame is multiplied by");
    v("periodic", periodic, "whether the window's period is its length, or one sample less");
    v("edges", edges,
      "whole: frames lie in the sound; symmetric, reflect, zeros: the first begins before it, and "
      "there stands the sound mirrored, the same without the edge's sample twice, or silence");
    v("scale", scale, "what samples of -1 .. 1 are multiplied by", above(0, 1e9));
    v("remove_dc_offset", remove_dc_offset, "whether a frame loses its mean");
    v("preemphasis", preemphasis, "share of the sample before that is taken away", between(0, 1));
    v("power", power, "2: energies of frequencies, 1: their roots", between(1, 2));
    v("mels", mels, "bands of mel frequency", between(1, 4096));
    v("mel_scale", mel_scale, "htk: 2595 log10(1 + f / 700); slaney: straight up to 1000 Hz");
    v("triangles", triangles, "what a band's sides are straight over");
    v("mel_norm", mel_norm, "whether a band has the area 1 over Hz, or the height 1");
    v("low_hz", low_hz, "where the first band begins", between(0, 1 << 19));
    v("high_hz", high_hz, "where the last band ends; 0: half the sampling rate",
      between(0, 1 << 19));
    v("log", log, "natural, log10, or decibel: 10 log10");
    v("floor", floor, "what no energy is below, before the logarithm", above(0, 1));
    v("dynamic_range", dynamic_range,
      "what no value is further below the recording's largest; 0: any", between(0, 1e6));
    v("energy", energy,
      "the logarithm of a frame's energy, before preemphasis and window or behind them: a band "
      "more "
      "before the others, or in place of the first cepstrum");
    if (kind == FrontEndKind::fbank) return;
    v("cepstra", cepstra, "numbers of a frame, at most mels", between(1, 4096));
    v("dct_norm", dct_norm, "ortho: an orthonormal cosine transform; equal: all by sqrt(2 / mels)");
    v("lifter", lifter, "Q of 1 + Q / 2 sin(pi k / Q), by which cepstrum k is multiplied; 0: none",
      between(0, 1e6));
  }

  /// Throws ModelError that names the field where numbers do not fit each other.
  void check() const;

  int64_t bands() const;
  /// Of that many samples; 0 where there are too few for one.
  int64_t frames_of(int64_t samples) const;
  /// The fewest samples that give a frame.
  int64_t least_samples() const;
  /// Of the sound, before the first frame's first sample: negative where a frame begins before it.
  int64_t first_sample() const;
  /// Half the sampling rate where high_hz is 0.
  double highest_hz() const;

 private:
  bool has_preset() const {
    return taken_preset_ == preset && taken_kind_ == kind && taken_rate_ == sampling_rate;
  }
  void take_preset();

  FrontEndPreset taken_preset_;
  FrontEndKind taken_kind_;
  int64_t taken_rate_;
};

/// With x = scale times the samples, frame t has N = window samples from t hop + first on (edges: below):
///
///   y[n] = x[n] - mean of x                               remove_dc_offset
///   z[n] = y[n] - preemphasis y[n - 1]                    y[-1] = y[0]
///   S[k] = | sum_n w[n] z[n] e^(-2 pi i k n / fft) |^power
///   M[m] = sum_k W[m, k] S[k]
///   L[m] = log max(floor, M[m])                           not below max over all of L - dynamic_range
///   c[k] = lift[k] norm[k] sum_m L[m] cos(pi k (m + 1/2) / mels)      of mfcc
///
///   w[n]: a = 2 pi n / (N - 1), or 2 pi n / N if periodic
///     hann 0.5 - 0.5 cos a     hamming 0.54 - 0.46 cos a     povey (0.5 - 0.5 cos a)^0.85
///     blackman 0.42 - 0.5 cos a + 0.08 cos 2a
///   edges: frames of n samples, first
///     whole      1 + (n - N) / hop    0
///     symmetric  (n + hop / 2) / hop  hop / 2 - N / 2     x[-1] = x[0], x[-2] = x[1], ...    (Kaldi's snip_edges = false)
///     reflect    n / hop              -N / 2              x[-1] = x[1], x[-2] = x[2], ...    (Whisper)
///     zeros      1 + n / hop          -N / 2              x[-1] = 0                          (librosa's center)
///   W: triangles between mels + 2 points that part low_hz .. high_hz evenly in mel
///   norm[0] = sqrt(1 / mels) of ortho, norm[k] = sqrt(2 / mels) of all others
///   energy: log max(floor, sum_n y[n]^2) raw, of w[n] z[n] windowed
///
/// There is no dither: the same sound gives the same numbers. Sums are made in double, frame by frame, so that neither
/// threads nor other frames change a bit.
class FrontEnd {
 public:
  /// Throws what FrontEndOptions::check throws.
  explicit FrontEnd(const FrontEndOptions& options);

  /// `samples`: one channel, -1 .. 1, at the sampling rate. Throws DataError: too few samples for a frame, a sample that is not
  /// finite (with its number). Cost: O(frames fft log fft).
  SoundFeatures operator()(std::span<const float> samples) const;

  const FrontEndOptions& options() const { return options_; }

 private:
  /// A band: the weights of the bins from `first` on.
  struct MelBand {
    int64_t first = 0;
    std::vector<double> weights = {};
  };

  void make_bands();
  void make_cepstra();
  double shaped(double* frame) const;
  double log_of(double energy) const;
  void add_frames(std::span<const float> samples, int64_t first, int64_t count,
                  std::vector<double>& values, std::vector<double>& energies) const;
  void take_logs(std::vector<double>& energies) const;
  SoundFeatures finish(const std::vector<double>& logs, const std::vector<double>& energies,
                       int64_t frames) const;

  FrontEndOptions options_;
  std::vector<double> window_;
  std::vector<MelBand> bands_;
  std::vector<double> cosines_;  ///< (cepstra, mels), with norm and lifter
};

}  // namespace heed::data
