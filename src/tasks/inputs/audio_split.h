// Recordings as the log-mel features that a model of speech reads.
#pragma once

#include <array>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/text.h"
#include "heed/core/fields.h"
#include "heed/data/log_mel.h"
#include "heed/data/sound.h"
#include "tasks/record_split.h"

namespace heed {

/// What makes features of samples; unknown: a model's folder does not say, so that no recording can be read.
enum class AudioFeatures { log_mel, unknown };
constexpr std::array<const char*, 2> words(AudioFeatures) { return {"log_mel", "unknown"}; }

struct AudioInputOptions {
  std::string column = "audio";
  AudioFeatures features = AudioFeatures::log_mel;
  data::LogMelOptions log_mel;
  std::vector<int64_t> shape;
  int64_t workers = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the file of each recording, relative to the file that names it");
    v("features", features,
      "log_mel, Whisper's; unknown: of a folder that does not say how its features are made, so "
      "that no recording can be "
      "read");
    if (features == AudioFeatures::log_mel)
      v("log_mel", log_mel, "");
    else
      v("shape", shape, "[bands, frames] of the features", between(1, kMostLength));
    v("workers", workers,
      "threads that read recordings ahead; changes no result; 0: as many as Heed has",
      between(0, 256));
  }

  void check() const;

  int64_t samples() const { return log_mel.seconds * log_mel.sampling_rate; }
  int64_t frames() const {
    return features == AudioFeatures::unknown ? shape[1] : samples() / log_mel.hop;
  }
  int64_t bands() const { return features == AudioFeatures::unknown ? shape[0] : log_mel.mels; }
};

/// What splits share with their input: options, and what was changed of recordings.
struct AudioState {
  AudioInputOptions options;
  mutable std::mutex mutex;  ///< of what follows
  mutable std::set<std::string> mixed = {}, resampled = {}, cut = {};
  mutable int64_t parts = 0;  ///< of those that were cut

  /// At the model's rate. Throws FileError and DataError that name the file.
  data::Sound read(const std::filesystem::path& file) const;
  /// The same; throws DataError for more seconds than the model reads, too.
  data::Sound read_whole(const std::filesystem::path& file) const;
  /// (B, bands, frames), a recording after the other.
  at::Tensor features_of(const std::vector<std::span<const float>>& recordings) const;
  /// The encoder's tokens by their time in seconds: each stands for two frames.
  std::vector<TokenPlace> times(double begin) const;
  /// What was changed, in a sentence; empty: nothing.
  std::string note() const;
};
using AudioStatePtr = std::shared_ptr<const AudioState>;

/// An example a record, one of whose columns names its file. The batch: audio (B, bands, frames).
class AudioSplit : public RecordSplit {
 public:
  AudioSplit(data::RecordsPtr given, AudioStatePtr state);
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  Shown show(int64_t example) const override;
  /// Beside the file that the record stands in. Throws DataError for a record that names none.
  std::filesystem::path file_of(int64_t example) const;

 private:
  AudioStatePtr state_;
  int64_t column_;
};

/// A recording that is answered, or a part of it.
struct Heard {
  std::string file, place;
  double begin = 0;  ///< in seconds
  std::vector<float> samples = {};
};

/// Recordings in memory, of which nothing else is known.
class HeardSplit : public Split {
 public:
  HeardSplit(std::vector<Heard> all, AudioStatePtr state)
      : all_(std::move(all)), state_(std::move(state)) {}
  int64_t size() const override { return std::ssize(all_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override { return at(example).place; }
  Shown show(int64_t example) const override {
    return {at(example).file, state_->times(at(example).begin)};
  }
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;

 private:
  const Heard& at(int64_t example) const { return all_.at(static_cast<size_t>(example)); }

  std::vector<Heard> all_;
  AudioStatePtr state_;
};

}  // namespace heed
