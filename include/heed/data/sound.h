// Files of sound to samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace heed::data {

/// A recording as one channel.
struct Sound {
  int64_t sampling_rate = 0;  ///< samples a second
  int64_t channels = 1;       ///< of the file
  std::vector<float> samples = {};

  double seconds() const { return double(samples.size()) / double(sampling_rate); }
};

/// What is read of a file.
struct SoundOptions {
  int64_t channel = 0;        ///< 1: the first; 0: the mean of all
  int64_t sampling_rate = 0;  ///< to which the sound is changed, as `resampled` does; 0: as it is
};

/// A recording that is read piece by piece: WAV, AIFF, FLAC, OGG (Vorbis, Opus), MP3 and what else libsndfile knows; integers
/// become -1 .. 1. Memory: a piece, and for a pipe the file. Constructor and read throw FileError where the file cannot be read;
/// DataError that names it for what is no sound, has fewer channels than `channel`, holds no samples, ends before its header
/// says, or has a sample that is not finite (with its number).
class SoundReader {
 public:
  explicit SoundReader(const std::filesystem::path& file, const SoundOptions& options = {});
  /// Of the bytes of a file; `name` stands in messages.
  SoundReader(std::vector<uint8_t> bytes, std::string name, const SoundOptions& options = {});
  ~SoundReader();
  SoundReader(SoundReader&&) noexcept;
  SoundReader& operator=(SoundReader&&) noexcept;

  int64_t sampling_rate() const;       ///< of the samples that `read` gives
  int64_t file_sampling_rate() const;  ///< of the file
  int64_t channels() const;            ///< of the file
  /// Appends up to `count` samples, fewer at the end alone.
  void read(std::vector<float>& samples, int64_t count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole recording. Throws what SoundReader throws, and DataError for more than 2^30 samples. Cost: O(samples).
Sound read_sound(const std::filesystem::path& file, const SoundOptions& options = {});
/// The same of the bytes of a file; `name` stands in messages.
Sound decode_sound(std::span<const uint8_t> file, const std::string& name,
                   const SoundOptions& options = {});

/// How many seconds a file's header says that it has, which of MP3 is an estimate: for sorting, never for reading. Throws
/// DataError for what is no sound.
double seconds_said(const std::filesystem::path& file);

/// The same sound at another rate, by the band-limited interpolation of libsamplerate (SRC_SINC_MEDIUM_QUALITY; Smith &
/// Gossett 1984): round(n rate / sampling_rate) samples. Throws DataError for rates that are more than 256 times
/// apart, and for more than 2^30 samples.
Sound resampled(Sound sound, int64_t sampling_rate);

/// A part of a recording.
struct SoundPart {
  int64_t begin = 0;  ///< the first sample's number in the recording
  std::vector<float> samples = {};
};

/// A sound of at most `seconds` whole, and a longer one in parts of at most that, one behind the other: each but the last
/// ends in the middle of the quietest fifth of a second (least energy) in the last third of what it may be, so that few
/// words are cut. Cost: O(samples); memory: two parts, however long the recording is.
class SoundParts {
 public:
  /// Throws UsageError for fewer than 1 second.
  SoundParts(SoundReader reader, double seconds);
  /// The next part; none behind the last. Throws what SoundReader throws.
  std::optional<SoundPart> next();
  /// Whether there is a part behind those that were given; it is read by then.
  bool has_more();

 private:
  void fill();
  int64_t pause_before(int64_t most) const;

  SoundReader reader_;
  int64_t most_, begin_ = 0;
  std::vector<float> ahead_;
  bool ended_ = false;
};

}  // namespace heed::data
