#include "tasks/inputs/audio_split.h"

#include <cstdio>

#include "heed/core/error.h"
#include "tasks/input_lines.h"

namespace heed {

namespace fs = std::filesystem;

void AudioInputOptions::check() const {
  if (features == AudioFeatures::unknown) {
    if (shape.size() == 2) return;
    throw ModelError(text_of("shape: expected [bands, frames], given ", shape.size(), " numbers"));
  }
  if (log_mel.seconds == 0)
    throw ModelError(
        "log_mel.seconds: expected at least 1, what every recording is filled up to, given 0");
  if (log_mel.mels > log_mel.window / 2 + 1)
    throw ModelError(text_of("log_mel.mels: expected at most the ", log_mel.window / 2 + 1,
                             " bins of a window of ", log_mel.window, " samples, given ",
                             log_mel.mels));
  if (frames() < 1)
    throw ModelError(text_of("log_mel.hop: expected at most the ", samples(),
                             " samples that are read, given ", log_mel.hop));
  if (samples() <= log_mel.window / 2)
    throw ModelError(text_of("log_mel.window: expected less than twice the ", samples(),
                             " samples that are read, given ", log_mel.window));
}

data::Sound AudioState::read(const fs::path& file) const {
  if (options.features == AudioFeatures::unknown)
    throw ModelError(
        "the model's folder has no preprocessor_config.json, which says how features are made of "
        "sound (sampling_rate, n_fft, hop_length, chunk_length); fetch it, too");
  auto sound = data::read_sound(file);
  const bool other_rate = sound.sampling_rate != options.log_mel.sampling_rate;
  {
    const std::lock_guard lock(mutex);  // a file may be read by several threads, and again
    if (sound.channels > 1) mixed.insert(file.string());
    if (other_rate) resampled.insert(file.string());
  }
  if (!other_rate) return sound;
  try {
    return data::resampled(std::move(sound), options.log_mel.sampling_rate);
  } catch (const DataError& error) {
    throw DataError(file.string() + ": " + error.what());
  }
}

data::Sound AudioState::read_whole(const fs::path& file) const {
  auto sound = read(file);
  if (std::ssize(sound.samples) > options.samples())
    throw DataError(
        text_of(file.string(), ": ", sound.seconds(), " seconds, and the model reads ",
                options.log_mel.seconds,
                " (input.log_mel.seconds); cut it into parts: ffmpeg -i FILE -f segment "
                "-segment_time ",
                options.log_mel.seconds, " PART%03d.wav"));
  return sound;
}

at::Tensor AudioState::features_of(const std::vector<std::span<const float>>& recordings) const {
  auto audio = at::empty({std::ssize(recordings), options.bands(), options.frames()}, at::kFloat);
  auto* out = audio.data_ptr<float>();
  for (const auto& samples : recordings) {
    const auto found = data::log_mel(samples, options.log_mel);
    out = std::copy(found.values.begin(), found.values.end(), out);
  }
  return audio;
}

std::vector<TokenPlace> AudioState::times(double begin) const {
  std::vector<TokenPlace> all;
  const double step = 2 * double(options.log_mel.hop) / double(options.log_mel.sampling_rate);
  for (int64_t i = 0; 2 * i < options.frames(); ++i) {
    char time[32];
    const double seconds = begin + double(i) * step;
    std::snprintf(time, sizeof time, "%.2f", seconds);
    all.push_back({.text = time, .seconds = seconds});
  }
  return all;
}

std::string AudioState::note() const {
  const std::lock_guard lock(mutex);
  std::string text;
  const auto say = [&](const std::set<std::string>& files, const std::string& what) {
    if (files.empty()) return;
    text += (text.empty() ? "" : "; ") + std::to_string(files.size()) +
            (files.size() == 1 ? " recording was " : " recordings were ") + what;
  };
  say(mixed, "of several channels, of which the mean is read");
  say(resampled, text_of("of another rate, and changed to ", options.log_mel.sampling_rate,
                         " samples a second"));
  say(cut, text_of("longer than ", options.log_mel.seconds, " seconds, and cut at pauses into ",
                   parts, " parts"));
  return text;
}

AudioSplit::AudioSplit(data::RecordsPtr given, AudioStatePtr state)
    : RecordSplit(std::move(given)),
      state_(std::move(state)),
      column_(records().column(state_->options.column)) {}

Batch AudioSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<data::Sound> sounds;
  for (const int64_t example : examples) sounds.push_back(state_->read_whole(file_of(example)));
  std::vector<std::span<const float>> recordings;
  for (const auto& sound : sounds) recordings.emplace_back(sound.samples);
  return {{{"audio", state_->features_of(recordings)}}, at::tensor(examples, at::kLong)};
}

Shown AudioSplit::show(int64_t example) const {
  return {file_of(example).string(), state_->times(0)};
}

fs::path AudioSplit::file_of(int64_t example) const {
  const std::string named(records().text(example, column_));
  if (named.empty())
    throw DataError(place(example) + ": the column '" + state_->options.column +
                    "' is empty; expected the file of a recording");
  return fs::path(numbered(place(example)).first).parent_path() / named;
}

Batch HeardSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<std::span<const float>> recordings;
  for (const int64_t example : examples) recordings.emplace_back(at(example).samples);
  return {{{"audio", state_->features_of(recordings)}}, at::tensor(examples, at::kLong)};
}

std::string HeardSplit::value(int64_t example, const std::string& column, const Draw&) const {
  throw DataError(place(example) + ": a recording by itself has no column '" + column + "'");
}

}  // namespace heed
