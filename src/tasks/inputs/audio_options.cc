#include "tasks/inputs/audio_options.h"

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

}  // namespace

void AudioInputOptions::check() const {
  if (features == AudioFeatures::unknown) {
    if (shape.size() == 2) return;
    throw ModelError(text_of("shape: expected [bands, frames], given ", shape.size(), " numbers"));
  }
  if (features == AudioFeatures::log_mel) check_log_mel(*this);
  for (const auto* numbers : {&mean, &std})
    if (!numbers->empty() && std::ssize(*numbers) != bands())
      throw ModelError(text_of(numbers == &mean ? "mean" : "std", ": expected ", bands(),
                               " numbers, one a band, or none, given ", numbers->size()));
}

int64_t AudioInputOptions::frames() const {
  if (features == AudioFeatures::unknown) return shape[1];
  return features == AudioFeatures::file ? file.max_frames : samples() / log_mel.hop;
}

int64_t AudioInputOptions::bands() const {
  if (features == AudioFeatures::unknown) return shape[0];
  return (1 + deltas) * (features == AudioFeatures::file ? file.coefficients : log_mel.mels);
}

double AudioInputOptions::frames_per_second() const {
  if (features == AudioFeatures::file) return file.frames_per_second;
  return double(log_mel.sampling_rate) / double(log_mel.hop);
}

}  // namespace heed
