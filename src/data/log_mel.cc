#include "heed/data/log_mel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

/// Slaney's scale: straight up to 1000 Hz, logarithmic above.
constexpr double kStraightHz = 1000, kHzPerMel = 200.0 / 3, kStraightMels = kStraightHz / kHzPerMel;
const double kLogStep = std::log(6.4) / 27;

double mel_of(double hz) {
  return hz < kStraightHz ? hz / kHzPerMel : kStraightMels + std::log(hz / kStraightHz) / kLogStep;
}

double hz_of(double mel) {
  return mel < kStraightMels ? mel * kHzPerMel
                             : kStraightHz * std::exp(kLogStep * (mel - kStraightMels));
}

/// A band: the weights of the bins from `first` on.
struct MelBand {
  int64_t first = 0;
  std::vector<double> weights;
};

std::vector<MelBand> mel_bands(const LogMelOptions& options) {
  const int64_t bins = options.window / 2 + 1;
  const double highest = static_cast<double>(options.sampling_rate) / 2;
  const auto edge = [&](int64_t i) {
    return hz_of(mel_of(highest) * static_cast<double>(i) / static_cast<double>(options.mels + 1));
  };
  std::vector<MelBand> bands(static_cast<size_t>(options.mels));
  for (int64_t m = 0; m < options.mels; ++m) {
    const double low = edge(m), middle = edge(m + 1), high = edge(m + 2);
    auto& band = bands[static_cast<size_t>(m)];
    for (int64_t k = 0; k < bins; ++k) {
      const double hz = highest * static_cast<double>(k) / static_cast<double>(bins - 1);
      const double height = std::min((hz - low) / (middle - low), (high - hz) / (high - middle));
      if (height <= 0) continue;
      if (band.weights.empty()) band.first = k;
      band.weights.push_back(height * 2 / (high - low));
    }
  }
  return bands;
}

/// Energies of the bins of one frame after the other.
class Spectrum {
 public:
  explicit Spectrum(int64_t window)
      : window_(window),
        bins_(window / 2 + 1),
        hann_(size_t(window)),
        cos_(size_t(window)),
        sin_(size_t(window)),
        even_(size_t(window / 2 + 1)),
        odd_(size_t(window / 2 + 1)) {
    for (int64_t n = 0; n < window; ++n) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(n) / static_cast<double>(window);
      const auto i = static_cast<size_t>(n);
      cos_[i] = std::cos(angle), sin_[i] = std::sin(angle), hann_[i] = 0.5 - 0.5 * cos_[i];
    }
  }

  /// x[n] and x[window - n] have the same cosine and opposite sines, so half the products do.
  void energies(const double* x, std::vector<double>& out) {
    const int64_t half = window_ / 2;
    const auto at = [&](int64_t n) { return hann_[static_cast<size_t>(n)] * x[n]; };
    even_[0] = at(0), odd_[0] = 0;
    for (int64_t n = 1; n <= half; ++n) {
      const bool alone = 2 * n == window_;
      even_[size_t(n)] = at(n) + (alone ? 0 : at(window_ - n));
      odd_[size_t(n)] = at(n) - (alone ? 0 : at(window_ - n));
    }
    for (int64_t k = 0; k < bins_; ++k) {
      double real = 0, imaginary = 0;
      int64_t phase = 0;
      for (int64_t n = 0; n <= half; ++n) {
        real += even_[size_t(n)] * cos_[size_t(phase)];
        imaginary += odd_[size_t(n)] * sin_[size_t(phase)];
        phase += k;
        if (phase >= window_) phase -= window_;
      }
      out[size_t(k)] = real * real + imaginary * imaginary;
    }
  }

 private:
  int64_t window_, bins_;
  std::vector<double> hann_, cos_, sin_, even_, odd_;
};

void check_options_of(LogMelOptions options) {
  options.fields(BoundsCheck([](const char* field, const Bounds& bounds, const auto& value) {
    throw UsageError(text_of("log_mel: ", field, ": expected ", bounds.text(), ", given ", value));
  }));
  if (options.mels > options.window / 2 + 1)
    throw UsageError(text_of("log_mel: mels: expected at most the ", options.window / 2 + 1,
                             " bins of a window of ", options.window, " samples, given ",
                             options.mels));
}

/// The samples with silence behind and both ends mirrored.
std::vector<double> with_silence(std::span<const float> samples, const LogMelOptions& options) {
  const int64_t most = options.seconds * options.sampling_rate, given = std::ssize(samples);
  if (most > 0 && given > most)
    throw DataError(text_of("log_mel: ", given, " samples, but the model reads ", most, " (",
                            options.seconds, " seconds); cut the sound into parts"));
  const int64_t n = std::max(most, given), edge = options.window / 2;
  if (n <= edge)
    throw DataError(text_of("log_mel: expected more than ", edge, " samples, given ", n));
  for (int64_t i = 0; i < given; ++i)
    if (!std::isfinite(samples[size_t(i)]))
      throw DataError(text_of("log_mel: sample ", i + 1, " is not finite"));
  std::vector<double> all(static_cast<size_t>(n + 2 * edge), 0.0);
  std::copy(samples.begin(), samples.end(), all.begin() + edge);
  for (int64_t i = 0; i < edge; ++i) {
    all[size_t(edge - 1 - i)] = all[size_t(edge + 1 + i)];
    all[size_t(edge + n + i)] = all[size_t(edge + n - 2 - i)];
  }
  return all;
}

}  // namespace

LogMel log_mel(std::span<const float> samples, const LogMelOptions& options) {
  check_options_of(options);
  const auto x = with_silence(samples, options);
  const auto bands = mel_bands(options);
  Spectrum spectrum(options.window);
  std::vector<double> energies(static_cast<size_t>(options.window / 2 + 1));
  LogMel result{.frames = (std::ssize(x) - 2 * (options.window / 2)) / options.hop, .values = {}};
  result.values.resize(static_cast<size_t>(options.mels * result.frames));
  double largest = -10;
  for (int64_t t = 0; t < result.frames; ++t) {
    spectrum.energies(x.data() + t * options.hop, energies);
    for (int64_t m = 0; m < options.mels; ++m) {
      const auto& band = bands[static_cast<size_t>(m)];
      double sum = 0;
      for (size_t k = 0; k < band.weights.size(); ++k)
        sum += band.weights[k] * energies[static_cast<size_t>(band.first) + k];
      const double log = std::log10(std::max(sum, 1e-10));
      largest = std::max(largest, log);
      result.values[static_cast<size_t>(m * result.frames + t)] = static_cast<float>(log);
    }
  }
  for (float& value : result.values)
    value = static_cast<float>((std::max(double(value), largest - 8) + 4) / 4);
  return result;
}

}  // namespace heed::data
