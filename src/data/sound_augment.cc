#include "heed/data/sound_augment.h"

#include <algorithm>
#include <cmath>

#include "core/list_folder.h"
#include "core/text.h"
#include "data/normal.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

double uniform_between(Random& random, double least, double most) {
  return least + (most - least) * double(random.uniform());
}

/// Uniform in 0 .. most.
int64_t at_most(Random& random, int64_t most) {
  return most <= 0 ? 0 : static_cast<int64_t>(random.below(static_cast<uint32_t>(most + 1)));
}

void change_speed(Sound& sound, double most, Random& random) {
  const double speed = 1 + uniform_between(random, -most, most);
  const auto rate = sound.sampling_rate;
  const auto other = std::max<int64_t>(1, std::llround(double(rate) / speed));
  if (other == rate) return;
  sound = resampled(std::move(sound), other);
  sound.sampling_rate = rate;
}

void move_in_time(Sound& sound, double seconds, Random& random) {
  auto& x = sound.samples;
  const auto most =
      std::min<int64_t>(std::llround(seconds * double(sound.sampling_rate)), std::ssize(x) - 1);
  const int64_t by = at_most(random, 2 * most) - most;
  if (by > 0) {
    std::move_backward(x.begin(), x.end() - by, x.end());
    std::fill_n(x.begin(), by, 0.0F);
  } else if (by < 0) {
    std::move(x.begin() - by, x.end(), x.begin());
    std::fill(x.end() + by, x.end(), 0.0F);
  }
}

std::vector<float> noise_of(size_t count, const NoiseSounds& sounds, Random& random) {
  std::vector<float> noise(count);
  if (sounds.empty()) {
    for (float& value : noise) value = float(normal(random));
    return noise;
  }
  const auto& chosen = sounds[random.below(static_cast<uint32_t>(sounds.size()))].samples;
  size_t first = random.below(static_cast<uint32_t>(chosen.size()));
  while (chosen[first] == 0) first = (first + 1) % chosen.size();  // read_noise has seen some
  for (size_t i = 0; i < count; ++i) noise[i] = chosen[(first + i) % chosen.size()];
  return noise;
}

double energy_of(const std::vector<float>& samples) {
  double sum = 0;
  for (const float x : samples) sum += double(x) * double(x);
  return sum;
}

}  // namespace

void SoundAugmentOptions::check() const {
  if (least_snr > most_snr)
    throw ModelError(
        text_of("least_snr: expected at most most_snr, ", most_snr, ", given ", least_snr));
}

NoiseSounds read_noise(const std::filesystem::path& path, int64_t sampling_rate) {
  NoiseSounds sounds;
  const bool is_folder = kind_of(path) == PathKind::folder;
  auto files = is_folder ? list_folder(path) : std::vector{path};
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    sounds.push_back(read_sound(file, {0, sampling_rate}));
    if (energy_of(sounds.back().samples) == 0)
      throw DataError(file.string() + ": is silent; expected a recording of noise");
  }
  if (sounds.empty()) throw DataError(path.string() + ": holds no recordings of noise");
  return sounds;
}

void add_noise(std::vector<float>& samples, double snr, const NoiseSounds& sounds, Random& random) {
  const auto noise = noise_of(samples.size(), sounds, random);
  const double own = energy_of(samples), other = energy_of(noise);
  if (own == 0 || other == 0) return;
  const double factor = std::sqrt(own / other * std::pow(10, -snr / 10));
  for (size_t i = 0; i < noise.size(); ++i) samples[i] += float(factor * noise[i]);
}

void augment(Sound& sound, const SoundAugmentOptions& options, const NoiseSounds& sounds,
             Random& random) {
  if (options.speed > 0) change_speed(sound, options.speed, random);
  if (options.shift > 0) move_in_time(sound, options.shift, random);
  if (options.noise == 0 || double(random.uniform()) >= options.noise) return;
  const double snr = uniform_between(random, options.least_snr, options.most_snr);
  add_noise(sound.samples, snr, sounds, random);
}

void augment(SoundFeatures& features, const SpecAugmentOptions& options, int64_t groups,
             Random& random) {
  const int64_t frames = features.frames, own = features.bands / groups;
  std::vector<float> means;
  for (int64_t c = 0; c < features.bands; ++c) {
    double sum = 0;
    for (int64_t t = 0; t < frames; ++t) sum += features.at(c, t);
    means.push_back(static_cast<float>(sum / double(frames)));
  }
  const auto mask = [&](int64_t c, int64_t first, int64_t count) {
    std::fill_n(features.values.begin() + c * frames + first, count, means[size_t(c)]);
  };
  const auto most_frames = std::min<int64_t>(
      options.time_mask, static_cast<int64_t>(options.time_share * double(frames)));
  for (int64_t i = 0; i < options.time_masks; ++i) {
    const int64_t count = at_most(random, most_frames), first = at_most(random, frames - count);
    for (int64_t c = 0; c < features.bands; ++c) mask(c, first, count);
  }
  for (int64_t i = 0; i < options.band_masks; ++i) {
    const int64_t count = at_most(random, std::min(options.band_mask, own));
    const int64_t first = at_most(random, own - count);
    for (int64_t c = 0; c < features.bands; ++c)
      if (c % own >= first && c % own < first + count) mask(c, 0, frames);
  }
}

}  // namespace heed::data
