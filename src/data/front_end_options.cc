#include <bit>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/front_end.h"

namespace heed::data {
namespace {

int64_t milliseconds(int64_t sampling_rate, int64_t count) {
  return std::max<int64_t>(1, sampling_rate * count / 1000);
}

int64_t next_power_of_two(int64_t n) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n)));
}

}  // namespace

void FrontEndOptions::take_preset() {
  taken_preset_ = preset, taken_kind_ = kind, taken_rate_ = sampling_rate;
  const bool mfcc = kind == FrontEndKind::mfcc;
  const bool kaldi = preset == FrontEndPreset::kaldi, librosa = preset == FrontEndPreset::librosa;
  window = librosa ? 2048 : std::max<int64_t>(4, milliseconds(sampling_rate, kaldi ? 25 : 30));
  hop = librosa ? 512 : milliseconds(sampling_rate, 10);
  fft = librosa ? window : next_power_of_two(window);
  window_type = kaldi ? SoundWindow::povey : SoundWindow::hann;
  periodic = !kaldi;
  edges = librosa ? FrameEdges::zeros : FrameEdges::whole;
  scale = kaldi ? 32768 : 1;
  remove_dc_offset = kaldi;
  preemphasis = kaldi ? 0.97 : 0;
  power = kaldi || librosa ? 2 : 1;
  mels = kaldi ? 23 : librosa ? 128 : 80;
  mel_scale = librosa ? MelScale::slaney : MelScale::htk;
  triangles = librosa ? MelTriangles::hz : MelTriangles::mel;
  mel_norm = librosa;
  low_hz = librosa ? 0 : 20;
  high_hz = kaldi || librosa ? 0 : std::min(7600.0, double(sampling_rate) / 2);
  log = librosa ? EnergyLog::decibel : EnergyLog::natural;
  floor = kaldi ? double(std::numeric_limits<float>::epsilon()) : librosa ? 1e-10 : 1e-12;
  dynamic_range = librosa ? 80 : 0;
  energy = kaldi && mfcc ? FrameEnergy::raw : FrameEnergy::none;
  cepstra = kaldi ? 13 : librosa ? 20 : 40;
  dct_norm = kaldi || librosa ? DctNorm::ortho : DctNorm::equal;
  lifter = kaldi ? 22 : 0;
}

void FrontEndOptions::check() const {
  const auto refuse = [](const auto&... pieces) { throw ModelError(text_of(pieces...)); };
  if (fft < window) refuse("fft: expected at least the window's ", window, " samples, given ", fft);
  if (mels > fft / 2 + 1)
    refuse("mels: expected at most the ", fft / 2 + 1, " bins of an fft of ", fft,
           " samples, given ", mels);
  if (highest_hz() > double(sampling_rate) / 2)
    refuse("high_hz: expected at most half the sampling rate, ", double(sampling_rate) / 2,
           ", given ", high_hz);
  if (low_hz >= highest_hz())
    refuse("low_hz: expected less than the ", highest_hz(),
           " Hz at which the last band ends, given ", low_hz);
  if (kind == FrontEndKind::mfcc && cepstra > mels)
    refuse("cepstra: expected at most the ", mels, " bands of mels, given ", cepstra);
}

double FrontEndOptions::highest_hz() const {
  return high_hz > 0 ? high_hz : double(sampling_rate) / 2;
}

int64_t FrontEndOptions::bands() const {
  if (kind == FrontEndKind::mfcc) return cepstra;
  return mels + (energy != FrameEnergy::none);
}

int64_t FrontEndOptions::first_sample() const {
  if (edges == FrameEdges::whole) return 0;
  return (edges == FrameEdges::symmetric ? hop / 2 : 0) - window / 2;
}

int64_t FrontEndOptions::least_samples() const {
  int64_t count = edges == FrameEdges::whole ? window : 1;
  while (frames_of(count) < 1) ++count;
  return count;
}

int64_t FrontEndOptions::frames_of(int64_t samples) const {
  switch (edges) {
    case FrameEdges::whole:
      return samples < window ? 0 : 1 + (samples - window) / hop;
    case FrameEdges::symmetric:
      return (samples + hop / 2) / hop;
    case FrameEdges::reflect:
      return samples > window / 2 ? samples / hop : 0;
    case FrameEdges::zeros:
      break;
  }
  return samples < 1 ? 0 : 1 + samples / hop;
}

}  // namespace heed::data
