#include "heed/data/front_end.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

/// Slaney's scale: straight up to 1000 Hz, logarithmic above.
constexpr double kStraightHz = 1000, kHzPerMel = 200.0 / 3, kStraightMels = kStraightHz / kHzPerMel;
const double kLogStep = std::log(6.4) / 27;

double mel_of(double hz, MelScale scale) {
  if (scale == MelScale::htk) return 1127 * std::log1p(hz / 700);
  return hz < kStraightHz ? hz / kHzPerMel : kStraightMels + std::log(hz / kStraightHz) / kLogStep;
}

double hz_of(double mel, MelScale scale) {
  if (scale == MelScale::htk) return 700 * std::expm1(mel / 1127);
  return mel < kStraightMels ? mel * kHzPerMel
                             : kStraightHz * std::exp(kLogStep * (mel - kStraightMels));
}

double window_at(const FrontEndOptions& options, int64_t n) {
  const auto period = static_cast<double>(options.window - !options.periodic);
  const double a = 2 * std::numbers::pi * static_cast<double>(n) / period;
  switch (options.window_type) {
    case SoundWindow::hann:
      return 0.5 - 0.5 * std::cos(a);
    case SoundWindow::hamming:
      return 0.54 - 0.46 * std::cos(a);
    case SoundWindow::povey:
      return std::pow(0.5 - 0.5 * std::cos(a), 0.85);
    case SoundWindow::blackman:
      return 0.42 - 0.5 * std::cos(a) + 0.08 * std::cos(2 * a);
    case SoundWindow::rectangular:
      break;
  }
  return 1;
}

/// The samples, and around them what `edges` says.
class FramedSamples {
 public:
  FramedSamples(std::span<const float> samples, const FrontEndOptions& options)
      : samples_(samples), options_(options) {}

  /// Frame t, times `scale`.
  void copy(int64_t t, double* out) const {
    const int64_t first = t * options_.hop + options_.first_sample();
    for (int64_t n = 0; n < options_.window; ++n) out[n] = options_.scale * at(first + n);
  }

 private:
  double at(int64_t i) const {
    const auto count = std::ssize(samples_);
    const bool reflects = options_.edges == FrameEdges::reflect;
    while (i < 0 || i >= count) {
      if (options_.edges == FrameEdges::zeros) return 0;
      i = i < 0 ? (reflects ? -i : -1 - i) : (reflects ? 2 * count - 2 - i : 2 * count - 1 - i);
    }
    return samples_[static_cast<size_t>(i)];
  }

  std::span<const float> samples_;
  const FrontEndOptions& options_;
};

double sum_of_squares(const double* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += values[i] * values[i];
  return sum;
}

}  // namespace

FrontEnd::FrontEnd(const FrontEndOptions& given) : options_(given) {
  options_.check();
  for (int64_t n = 0; n < options_.window; ++n) window_.push_back(window_at(options_, n));
  make_bands();
  if (options_.kind == FrontEndKind::mfcc) make_cepstra();
}

void FrontEnd::make_bands() {
  const auto scale = options_.mel_scale;
  const double low = mel_of(options_.low_hz, scale), high = mel_of(options_.highest_hz(), scale);
  const auto place = [&](double hz) {
    return options_.triangles == MelTriangles::mel ? mel_of(hz, scale) : hz;
  };
  const auto edge_mel = [&](int64_t i) {
    return low + (high - low) * double(i) / double(options_.mels + 1);
  };
  const auto edge = [&](int64_t i) {
    return options_.triangles == MelTriangles::mel ? edge_mel(i) : hz_of(edge_mel(i), scale);
  };
  for (int64_t m = 0; m < options_.mels; ++m) {
    const double left = edge(m), middle = edge(m + 1), right = edge(m + 2);
    const double width = hz_of(edge_mel(m + 2), scale) - hz_of(edge_mel(m), scale);
    MelBand band;
    for (int64_t k = 0; k <= options_.fft / 2; ++k) {
      const double x = place(double(options_.sampling_rate) * double(k) / double(options_.fft));
      const double height = std::min((x - left) / (middle - left), (right - x) / (right - middle));
      if (height <= 0) continue;
      if (band.weights.empty()) band.first = k;
      band.weights.push_back(options_.mel_norm ? height * 2 / width : height);
    }
    bands_.push_back(std::move(band));
  }
}

void FrontEnd::make_cepstra() {
  const auto M = static_cast<double>(options_.mels);
  for (int64_t k = 0; k < options_.cepstra; ++k) {
    const auto number = static_cast<double>(k);
    double factor = std::sqrt((k == 0 && options_.dct_norm == DctNorm::ortho ? 1 : 2) / M);
    if (options_.lifter > 0)
      factor *= 1 + options_.lifter / 2 * std::sin(std::numbers::pi * number / options_.lifter);
    for (int64_t m = 0; m < options_.mels; ++m)
      cosines_.push_back(factor * std::cos(std::numbers::pi * number * (double(m) + 0.5) / M));
  }
}

/// Prepares a frame for the transform; gives its energy.
double FrontEnd::shaped(double* frame) const {
  const int64_t N = options_.window;
  if (options_.remove_dc_offset) {
    double sum = 0;
    for (int64_t n = 0; n < N; ++n) sum += frame[n];
    for (int64_t n = 0; n < N; ++n) frame[n] -= sum / double(N);
  }
  const double raw = options_.energy == FrameEnergy::raw ? sum_of_squares(frame, N) : 0;
  if (options_.preemphasis > 0) {
    for (int64_t n = N - 1; n > 0; --n) frame[n] -= options_.preemphasis * frame[n - 1];
    frame[0] -= options_.preemphasis * frame[0];
  }
  for (int64_t n = 0; n < N; ++n) frame[n] *= window_[static_cast<size_t>(n)];
  return options_.energy == FrameEnergy::windowed ? sum_of_squares(frame, N) : raw;
}

double FrontEnd::log_of(double energy) const {
  const double value = std::max(energy, options_.floor);
  if (options_.log == EnergyLog::natural) return std::log(value);
  return (options_.log == EnergyLog::decibel ? 10 : 1) * std::log10(value);
}

/// (frames, mels) energies to their logarithms.
void FrontEnd::take_logs(std::vector<double>& values) const {
  double largest = -std::numeric_limits<double>::infinity();
  for (double& value : values) largest = std::max(largest, value = log_of(value));
  if (options_.dynamic_range == 0) return;
  for (double& value : values) value = std::max(value, largest - options_.dynamic_range);
}

SoundFeatures FrontEnd::operator()(std::span<const float> samples) const {
  const int64_t frames = options_.frames_of(std::ssize(samples));
  if (frames < 1)
    throw DataError(text_of("expected at least ", options_.least_samples(), " samples at ",
                            options_.sampling_rate, " a second, given ", samples.size()));
  for (size_t i = 0; i < samples.size(); ++i)
    if (!std::isfinite(samples[i])) throw DataError(text_of("sample ", i + 1, " is not finite"));
  constexpr int64_t kAtOnce = 256;
  std::vector<double> values, energies;
  for (int64_t first = 0; first < frames; first += kAtOnce)
    add_frames(samples, first, std::min(kAtOnce, frames - first), values, energies);
  take_logs(values);
  return finish(values, energies, frames);
}

/// Appends the bands of frames, and their energies.
void FrontEnd::add_frames(std::span<const float> samples, int64_t first, int64_t count,
                          std::vector<double>& values, std::vector<double>& energies) const {
  const FramedSamples framed(samples, options_);
  auto x = at::zeros({count, options_.fft}, at::kDouble);
  for (int64_t t = 0; t < count; ++t) {
    double* frame = x.data_ptr<double>() + t * options_.fft;
    framed.copy(first + t, frame);
    energies.push_back(shaped(frame));
  }
  const auto spectrum = at::view_as_real(at::fft_rfft(x)).contiguous();  // (count, bins, 2)
  const auto* bin = spectrum.data_ptr<double>();
  std::vector<double> powers(static_cast<size_t>(options_.fft / 2 + 1));
  for (int64_t t = 0; t < count; ++t) {
    for (double& power : powers) {
      power = bin[0] * bin[0] + bin[1] * bin[1];
      if (options_.power == 1) power = std::sqrt(power);
      bin += 2;
    }
    for (const auto& band : bands_) {
      double sum = 0;
      for (size_t k = 0; k < band.weights.size(); ++k)
        sum += band.weights[k] * powers[static_cast<size_t>(band.first) + k];
      values.push_back(sum);
    }
  }
}

/// Logarithms (frames, mels) to (bands, frames): cepstra, and energies where they belong.
SoundFeatures FrontEnd::finish(const std::vector<double>& logs, const std::vector<double>& energies,
                               int64_t frames) const {
  const int64_t mels = options_.mels, bands = options_.bands();
  const bool mfcc = options_.kind == FrontEndKind::mfcc;
  const bool has_energy = options_.energy != FrameEnergy::none;
  SoundFeatures found{.bands = bands, .frames = frames};
  found.values.resize(static_cast<size_t>(bands * frames));
  for (int64_t t = 0; t < frames; ++t) {
    const double* row = logs.data() + t * mels;
    for (int64_t c = 0; c < bands; ++c) {
      double value = 0;
      if (has_energy && c == 0) {
        value = log_of(energies[static_cast<size_t>(t)]);
      } else if (mfcc) {
        const double* cosines = cosines_.data() + c * mels;
        for (int64_t m = 0; m < mels; ++m) value += cosines[m] * row[m];
      } else {
        value = row[c - has_energy];
      }
      found.values[static_cast<size_t>(c * frames + t)] = static_cast<float>(value);
    }
  }
  return found;
}

}  // namespace heed::data
