#include "tasks/inputs/audio_options.h"

#include <cmath>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

void check_log_mel(const AudioInputOptions& options) {
  const auto& log_mel = options.log_mel;
  if (log_mel.mels > log_mel.window / 2 + 1)
    throw ModelError(text_of("log_mel.mels: expected at most the ", log_mel.window / 2 + 1,
                             " bins of a window of ", log_mel.window, " samples, given ",
                             log_mel.mels));
  if (log_mel.seconds == 0) return;
  if (options.frames() < 1)
    throw ModelError(text_of("log_mel.hop: expected at most the ", options.samples(),
                             " samples that are read, given ", log_mel.hop));
  if (options.samples() <= log_mel.window / 2)
    throw ModelError(text_of("log_mel.window: expected less than twice the ", options.samples(),
                             " samples that are read, given ", log_mel.window));
}

void check_seconds(const AudioInputOptions& options) {
  if (options.fill && options.seconds == 0)
    throw ModelError("fill: says that recordings are filled up to `seconds`, which is 0; set it");
  if (options.seconds > 0 && options.frames() < 1)
    throw ModelError(text_of("seconds: the ", options.samples(), " samples of ", options.seconds,
                             " seconds are none of the frames of front_end; expected at least ",
                             options.front_end.least_samples()));
}

}  // namespace

void AudioInputOptions::check() const {
  if (features == AudioFeatures::unknown) {
    if (shape.size() == 2) return;
    throw ModelError(text_of("shape: expected [bands, frames], given ", shape.size(), " numbers"));
  }
  if (features == AudioFeatures::log_mel) check_log_mel(*this);
  if (has_front_end()) check_seconds(*this);
  for (const auto* numbers : {&mean, &std})
    if (!numbers->empty() && std::ssize(*numbers) != bands())
      throw ModelError(text_of(numbers == &mean ? "mean" : "std", ": expected ", bands(),
                               " numbers, one a band, or none, given ", numbers->size()));
}

int64_t AudioInputOptions::samples() const {
  return std::llround(most_seconds() * double(sampling_rate()));
}

int64_t AudioInputOptions::frames() const {
  if (features == AudioFeatures::unknown) return shape[1];
  if (features == AudioFeatures::file) return file.max_frames;
  return samples() == 0 ? 0 : frames_of(samples());
}

int64_t AudioInputOptions::frames_of(int64_t samples) const {
  return has_front_end() ? front_end.frames_of(samples) : samples / log_mel.hop;
}

int64_t AudioInputOptions::least_samples() const {
  if (is_filled()) return 1;
  return has_front_end() ? front_end.least_samples()
                         : std::max(log_mel.window / 2 + 1, log_mel.hop);
}

int64_t AudioInputOptions::bands() const {
  if (features == AudioFeatures::unknown) return shape[0];
  if (has_front_end()) return (1 + deltas) * front_end.bands();
  return (1 + deltas) * (features == AudioFeatures::file ? file.coefficients : log_mel.mels);
}

bool AudioInputOptions::is_filled() const {
  if (features == AudioFeatures::unknown) return true;
  return has_front_end() ? fill : features == AudioFeatures::log_mel && log_mel.seconds > 0;
}

double AudioInputOptions::frames_per_second() const {
  if (features == AudioFeatures::file) return file.frames_per_second;
  return double(sampling_rate()) / double(has_front_end() ? front_end.hop : log_mel.hop);
}

}  // namespace heed
