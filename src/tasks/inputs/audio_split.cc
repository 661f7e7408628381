#include "tasks/inputs/audio_split.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/bytes.h"
#include "data/npy_header.h"
#include "heed/core/error.h"
#include "tasks/input_lines.h"

namespace heed {

namespace fs = std::filesystem;

data::SoundReader AudioState::open(const fs::path& file) const {
  if (options.features == AudioFeatures::unknown)
    throw ModelError(
        "the model's folder has no preprocessor_config.json, which says how features are made of "
        "sound (sampling_rate, n_fft, hop_length, chunk_length); fetch it, too");
  data::SoundReader reader(file,
                           {.channel = options.channel, .sampling_rate = options.sampling_rate()});
  const std::lock_guard lock(mutex);  // a file may be read by several threads, and again
  if (reader.channels() > 1 && options.channel == 0) mixed.insert(file.string());
  if (reader.file_sampling_rate() != options.sampling_rate()) resampled.insert(file.string());
  return reader;
}

data::Sound AudioState::read_whole(const fs::path& file) const {
  auto reader = open(file);
  data::Sound sound{.sampling_rate = reader.sampling_rate(), .channels = reader.channels()};
  constexpr int64_t kMostSamples = int64_t{1} << 30;
  const int64_t most = options.samples() > 0 ? options.samples() : kMostSamples;
  reader.read(sound.samples, most + 1);
  if (std::ssize(sound.samples) > most)
    throw DataError(text_of(file.string(), ": more than ",
                            double(most) / double(sound.sampling_rate),
                            " seconds, which is all that the model reads (", options.seconds_key(),
                            "); cut it into parts: ffmpeg -i FILE -f segment -segment_time ",
                            options.most_seconds(), " PART%03d.wav"));
  if (std::ssize(sound.samples) < options.least_samples())
    throw DataError(text_of(file.string(), ": expected at least ", options.least_samples(),
                            " samples at ", sound.sampling_rate, " a second, given ",
                            sound.samples.size()));
  return sound;
}

data::SoundFeatures AudioState::features_of(const fs::path& file, Random* random) const {
  data::SoundFeatures found;
  if (options.features == AudioFeatures::file) {
    found = finished(data::read_feature_file(file, options.file));
  } else {
    auto sound = read_whole(file);
    if (random) {
      data::augment(sound, options.augment, noise(), *random);
      // It may have become slower, or faster.
      auto count = std::max(std::ssize(sound.samples), options.least_samples());
      if (options.samples() > 0) count = std::min(count, options.samples());
      sound.samples.resize(static_cast<size_t>(count));
    }
    found = features_of(std::move(sound.samples), file.string());
  }
  if (random) data::augment(found, options.spec_augment, 1 + options.deltas, *random);
  return found;
}

data::SoundFeatures AudioState::features_of(std::vector<float> samples,
                                            const std::string& name) const {
  try {
    if (options.has_front_end()) {
      if (options.fill) samples.resize(static_cast<size_t>(options.samples()));
      return finished(front_end()(samples));
    }
    auto found = data::log_mel(samples, options.log_mel);
    return finished({options.log_mel.mels, found.frames, std::move(found.values)});
  } catch (const DataError& error) {
    throw DataError(name + ": " + error.what());
  }
}

const data::FrontEnd& AudioState::front_end() const {
  std::call_once(made_, [this] { front_end_.emplace(options.front_end); });
  return *front_end_;
}

const data::NoiseSounds& AudioState::noise() const {
  std::call_once(heard_, [this] {
    const auto& augment = options.augment;
    if (augment.noise > 0 && !augment.noise_folder.empty())
      noise_ = data::read_noise(augment.noise_folder, options.sampling_rate());
  });
  return noise_;
}

void AudioState::note_cut(const std::string& file, int64_t count) const {
  const std::lock_guard lock(mutex);
  cut.insert(file), parts += count;
}

data::SoundFeatures AudioState::finished(data::SoundFeatures features) const {
  data::normalize_recording(features, options.normalize_recording);
  features = data::with_deltas(std::move(features), options.deltas);
  if (options.standardize && !options.mean.empty() && !options.std.empty())
    data::standardize(features, options.mean, options.std);
  return features;
}

int64_t AudioState::frames_said(const fs::path& file) const {
  try {
    if (options.features == AudioFeatures::file) {
      const auto bytes = static_cast<int64_t>(fs::file_size(file));
      const int64_t each = data::is_npy(read_first_bytes(file, 6)) ? 8 : 4;  // or fewer
      return std::max<int64_t>(1, bytes / each / options.file.coefficients);
    }
    const auto samples = std::llround(data::seconds_said(file) * double(options.sampling_rate()));
    return std::max<int64_t>(1, options.frames_of(samples));
  } catch (const std::exception&) {
    return 1;  // what reads it says what is wrong
  }
}

Batch AudioState::batch_of(const std::vector<data::SoundFeatures>& recordings,
                           const std::vector<int64_t>& examples) const {
  int64_t longest = 1;
  std::vector<int64_t> lengths;
  for (const auto& recording : recordings) {
    lengths.push_back(recording.frames);
    longest = std::max(longest, recording.frames);
  }
  const int64_t bands = options.bands();
  auto audio = at::zeros({std::ssize(recordings), bands, longest}, at::kFloat);
  auto* out = audio.data_ptr<float>();
  for (const auto& recording : recordings)
    for (int64_t c = 0; c < bands; ++c, out += longest)
      std::copy_n(recording.values.begin() + c * recording.frames, recording.frames, out);
  Batch batch{{{"audio", audio}}, at::tensor(examples, at::kLong)};
  if (!options.is_filled()) batch.tensors.emplace("lengths", at::tensor(lengths, at::kLong));
  return batch;
}

std::vector<TokenPlace> AudioState::times(double begin, int64_t frames,
                                          const TokenFrames& tokens) const {
  std::vector<TokenPlace> all;
  if (tokens.class_token) all.push_back({.text = "[class]", .special = true});
  const double step = double(tokens.per_token) / options.frames_per_second();
  for (int64_t i = 0; tokens.per_token * i < frames; ++i) {
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
  say(resampled,
      text_of("of another rate, and changed to ", options.sampling_rate(), " samples a second"));
  say(cut, text_of("longer than ", options.most_seconds(), " seconds, and cut at pauses into ",
                   parts, " parts"));
  return text;
}

AudioSplit::AudioSplit(data::RecordsPtr given, AudioStatePtr state, std::optional<SoundNoise> noise)
    : RecordSplit(std::move(given)),
      state_(std::move(state)),
      column_(records().column(state_->options.column)),
      noise_(noise) {}

Batch AudioSplit::batch(const std::vector<int64_t>& examples, const Draw& draw) const {
  std::vector<data::SoundFeatures> recordings;
  for (const int64_t example : examples) {
    Random random(draw.seed, static_cast<uint32_t>(draw.epoch), static_cast<uint32_t>(example));
    recordings.push_back(
        noise_ ? noisy_features(example)
               : state_->features_of(file_of(example), draw.training ? &random : nullptr));
  }
  return state_->batch_of(recordings, examples);
}

data::SoundFeatures AudioSplit::noisy_features(int64_t example) const {
  const auto file = file_of(example);
  auto sound = state_->read_whole(file);
  Random random(noise_->seed, 0, static_cast<uint32_t>(example));
  const data::NoiseSounds white;
  data::add_noise(sound.samples, noise_->snr, noise_->sounds ? *noise_->sounds : white, random);
  return state_->features_of(std::move(sound.samples), file.string());
}

SplitPtr AudioSplit::with_noise(const std::string& kind, double strength, uint64_t seed) const {
  if (kind != kWhiteNoise && kind != kBackground) return nullptr;
  const auto* sounds = kind == kBackground ? &state_->background : nullptr;
  return std::make_shared<AudioSplit>(shared_records(), state_, SoundNoise{sounds, strength, seed});
}

Shown AudioSplit::show(int64_t example) const {
  Shown shown{file_of(example).string()};
  // Of several inputs together, which do not say how their encoders make tokens: Whisper's stem.
  if (state_->options.is_filled()) shown.tokens = frame_tokens(example, {.per_token = 2});
  return shown;
}

int64_t AudioSplit::length(int64_t example) const {
  if (state_->options.is_filled()) return 0;
  std::call_once(measured_, [&] {
    lengths_.resize(static_cast<size_t>(size()));
    for (int64_t i = 0; i < size(); ++i)
      lengths_[static_cast<size_t>(i)] = state_->frames_said(file_of(i));
  });
  return lengths_.at(static_cast<size_t>(example));
}

std::vector<TokenPlace> AudioSplit::frame_tokens(int64_t example, const TokenFrames& tokens) const {
  const auto& options = state_->options;
  const int64_t frames =
      options.is_filled() ? options.frames() : state_->features_of(file_of(example)).frames;
  return state_->times(0, frames, tokens);
}

fs::path AudioSplit::file_of(int64_t example) const {
  const std::string named(records().text(example, column_));
  if (named.empty())
    throw DataError(place(example) + ": the column '" + state_->options.column +
                    "' is empty; expected the file of a recording");
  return fs::path(numbered(place(example)).first).parent_path() / named;
}

Batch HeardSplit::batch(const std::vector<int64_t>& examples, const Draw&) const {
  std::vector<data::SoundFeatures> recordings;
  for (const int64_t example : examples) recordings.push_back(at(example).features);
  return state_->batch_of(recordings, examples);
}

Shown HeardSplit::show(int64_t example) const { return {at(example).file}; }

std::string HeardSplit::value(int64_t example, const std::string& column, const Draw&) const {
  throw DataError(place(example) + ": a recording by itself has no column '" + column + "'");
}

}  // namespace heed
