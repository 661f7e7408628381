// Recordings as the features that a model of speech reads.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/text.h"
#include "heed/data/sound.h"
#include "tasks/inputs/audio_options.h"
#include "tasks/record_split.h"

namespace heed {

/// What splits share with their input: options, and what was changed of recordings.
struct AudioState {
  AudioInputOptions options;
  mutable std::mutex mutex;  ///< of what follows
  mutable std::set<std::string> mixed = {}, resampled = {}, cut = {};
  mutable int64_t parts = 0;          ///< of those that were cut
  data::NoiseSounds background = {};  ///< of `heed eval --noise`

  /// At the model's rate, one channel. Throws FileError and DataError that name the file.
  data::SoundReader open(const std::filesystem::path& file) const;
  /// All of it; throws DataError for more seconds than the model reads, and fewer samples than a frame takes, too.
  data::Sound read_whole(const std::filesystem::path& file) const;
  /// What the model reads of a file, of samples or features, changed at random where `random` is given. Throws FileError and
  /// DataError that name the file.
  data::SoundFeatures features_of(const std::filesystem::path& file,
                                  Random* random = nullptr) const;
  /// The same of samples; `name` stands in messages.
  data::SoundFeatures features_of(std::vector<float> samples, const std::string& name) const;
  /// Notes that a recording was cut into parts.
  void note_cut(const std::string& file, int64_t count) const;
  /// As many frames as the file has by its header, of .npy of 4 bytes a number half as many; at least 1.
  int64_t frames_said(const std::filesystem::path& file) const;
  /// audio (B, bands, T), and lengths (B) unless all recordings are filled up.
  Batch batch_of(const std::vector<data::SoundFeatures>& recordings,
                 const std::vector<int64_t>& examples) const;
  /// The encoder's tokens by their time in seconds, the first at `begin`.
  std::vector<TokenPlace> times(double begin, int64_t frames, const TokenFrames& tokens) const;
  /// What was changed, in a sentence; empty: nothing.
  std::string note() const;

 private:
  data::SoundFeatures finished(data::SoundFeatures features) const;
  const data::FrontEnd& front_end() const;
  const data::NoiseSounds& noise() const;

  mutable std::once_flag made_, heard_;
  mutable std::optional<data::FrontEnd> front_end_;  ///< once options are known
  mutable data::NoiseSounds noise_;
};
using AudioStatePtr = std::shared_ptr<const AudioState>;

inline constexpr const char *kWhiteNoise = "white_noise", *kBackground = "background";

/// Noise behind sounds, so many decibels below them, drawn from (seed, example).
struct SoundNoise {
  const data::NoiseSounds* sounds;  ///< of the state; null: white noise
  double snr;
  uint64_t seed;
};

/// An example a record, one of whose columns names its file. The batch: audio (B, bands, frames), and lengths (B) where
/// recordings are as long as they are.
class AudioSplit : public RecordSplit {
 public:
  AudioSplit(data::RecordsPtr given, AudioStatePtr state, std::optional<SoundNoise> noise = {});
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  Shown show(int64_t example) const override;
  int64_t length(int64_t example) const override;
  std::vector<TokenPlace> frame_tokens(int64_t example, const TokenFrames& tokens) const override;
  /// "white_noise" and "background", by decibels of the sound over it; of samples alone.
  SplitPtr with_noise(const std::string& kind, double strength, uint64_t seed) const override;
  /// Beside the file that the record stands in. Throws DataError for a record that names none.
  std::filesystem::path file_of(int64_t example) const;

 private:
  data::SoundFeatures noisy_features(int64_t example) const;

  AudioStatePtr state_;
  int64_t column_;
  std::optional<SoundNoise> noise_;
  mutable std::once_flag measured_;
  mutable std::vector<int64_t> lengths_;  ///< of all examples, once one was asked for
};

/// A recording that is answered, or a part of it.
struct Heard {
  std::string file, place;
  double begin = 0;  ///< in seconds
  data::SoundFeatures features = {};
};

/// Recordings in memory, of which nothing else is known.
class HeardSplit : public Split {
 public:
  HeardSplit(std::vector<Heard> all, AudioStatePtr state)
      : all_(std::move(all)), state_(std::move(state)) {}
  int64_t size() const override { return std::ssize(all_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override { return at(example).place; }
  Shown show(int64_t example) const override;
  int64_t length(int64_t example) const override {
    return state_->options.is_filled() ? 0 : at(example).features.frames;
  }
  std::vector<TokenPlace> frame_tokens(int64_t example, const TokenFrames& tokens) const override {
    return state_->times(at(example).begin, at(example).features.frames, tokens);
  }
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;

 private:
  const Heard& at(int64_t example) const { return all_.at(static_cast<size_t>(example)); }

  std::vector<Heard> all_;
  AudioStatePtr state_;
};

}  // namespace heed
