// Files of sound to samples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace heed::data {

/// A recording as one channel.
struct Sound {
  int64_t sampling_rate = 0;  ///< samples a second
  int64_t channels = 1;       ///< of the file, of which the samples are the mean
  std::vector<float> samples = {};

  double seconds() const { return double(samples.size()) / double(sampling_rate); }
};

/// Reads WAV, AIFF, FLAC, OGG (Vorbis, Opus), MP3 and what else libsndfile knows, from a file or a pipe; integers become
/// -1 .. 1, and several channels their mean. Throws FileError where the file cannot be read; DataError that names it for
/// what is no sound, holds no samples or more than 2^30, ends before its header says, or has a sample that is not finite
/// (with its number). Cost: O(bytes + samples); the file and its samples are in memory.
Sound read_sound(const std::filesystem::path& file);
/// The same of the bytes of a file; `name` stands in messages.
Sound decode_sound(std::span<const uint8_t> file, const std::string& name);

/// How many seconds a file's header says that it has, which of MP3 is an estimate: for sorting, never for reading. Throws
/// DataError for what is no sound.
double seconds_said(const std::filesystem::path& file);

/// The same sound at another rate, by the band-limited interpolation of libsamplerate (SRC_SINC_MEDIUM_QUALITY; Smith &
/// Gossett 1984): round(n rate / sampling_rate) samples. Throws DataError for rates that are more than 256 times
/// apart, and for more than 2^30 samples.
Sound resampled(Sound sound, int64_t sampling_rate);

/// Samples begin .. end - 1.
struct SampleRange {
  int64_t begin = 0, end = 0;
  bool operator==(const SampleRange&) const = default;
};

/// A sound of at most `seconds` whole, and a longer one in parts of at most that, one behind the other: each but the last
/// ends in the middle of the quietest fifth of a second (least energy) in the last third of what it may be, so that few
/// words are cut. Throws UsageError for fewer than 1 second. Cost: O(samples).
std::vector<SampleRange> cut_at_pauses(const Sound& sound, double seconds);

}  // namespace heed::data
