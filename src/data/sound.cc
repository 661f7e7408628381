#include "heed/data/sound.h"

#include <samplerate.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/bytes.h"
#include "core/text.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kLargestSoundFile = int64_t{1} << 32;
constexpr int64_t kMostSamples = int64_t{1} << 30;
constexpr int64_t kSamplesAtOnce = 1 << 16;

/// The bytes of a file, for libsndfile to walk in.
struct SoundBytes {
  std::span<const uint8_t> bytes;
  sf_count_t at = 0;
};

sf_count_t size_of_bytes(void* user) {
  return static_cast<sf_count_t>(static_cast<SoundBytes*>(user)->bytes.size());
}

sf_count_t seek_bytes(sf_count_t offset, int whence, void* user) {
  auto& own = *static_cast<SoundBytes*>(user);
  const sf_count_t from = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? own.at
                                               : size_of_bytes(user);
  own.at = std::clamp<sf_count_t>(from + offset, 0, size_of_bytes(user));
  return own.at;
}

sf_count_t read_bytes_at(void* to, sf_count_t count, void* user) {
  auto& own = *static_cast<SoundBytes*>(user);
  const auto some = std::clamp<sf_count_t>(count, 0, size_of_bytes(user) - own.at);
  std::memcpy(to, own.bytes.data() + own.at, static_cast<size_t>(some));
  own.at += some;
  return some;
}

sf_count_t write_no_bytes(const void*, sf_count_t, void*) { return 0; }
sf_count_t tell_bytes(void* user) { return static_cast<SoundBytes*>(user)->at; }

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, CloseSound>;

/// A RIFF file says how long it is; libsndfile reads what there is of one that was cut off.
void check_riff(std::span<const uint8_t> bytes, const std::string& name) {
  if (bytes.size() < 12 || std::memcmp(bytes.data(), "RIFF", 4) != 0) return;
  uint64_t said = 8;
  for (int i = 0; i < 4; ++i) said += uint64_t{bytes[4 + size_t(i)]} << (8 * i);
  constexpr uint64_t kNotKnown = uint64_t{0xFFFFFFFF} + 8;  // of what was written to a pipe
  if (said > bytes.size() && said != kNotKnown)
    throw DataError(text_of(name, ": the file has ", bytes.size(), " bytes and its header says ",
                            said, ": it was cut off; copy it again"));
}

SoundFile open_sound(SoundBytes& bytes, SF_INFO& info, const std::string& name) {
  if (bytes.bytes.empty()) throw DataError(name + ": the file is empty; expected a recording");
  SF_VIRTUAL_IO io{size_of_bytes, seek_bytes, read_bytes_at, write_no_bytes, tell_bytes};
  SoundFile file(sf_open_virtual(&io, SFM_READ, &info, &bytes));
  if (!file)
    throw DataError(name + ": not a recording that can be read (" + sf_strerror(nullptr) +
                    "); convert it to WAV or FLAC, or remove it");
  check_riff(bytes.bytes, name);
  if (info.channels < 1 || info.samplerate < 1)
    throw DataError(text_of(name, ": a recording of ", info.channels, " channels at ",
                            info.samplerate, " samples a second holds nothing"));
  return file;
}

/// Appends the mean of the channels of frames that stand one behind the other.
void mix(std::span<const float> frames, int64_t channels, Sound& sound, const std::string& name) {
  for (size_t i = 0; i < frames.size(); i += static_cast<size_t>(channels)) {
    double sum = 0;
    for (size_t c = 0; c < static_cast<size_t>(channels); ++c) sum += frames[i + c];
    const auto mean = static_cast<float>(sum / static_cast<double>(channels));
    if (!std::isfinite(mean))
      throw DataError(text_of(name, ": sample ", sound.samples.size() + 1,
                              " is not finite; record or convert it again"));
    sound.samples.push_back(mean);
  }
}

}  // namespace

Sound read_sound(const std::filesystem::path& file) {
  return decode_sound(read_bytes_once(file, kLargestSoundFile), file.string());
}

Sound decode_sound(std::span<const uint8_t> given, const std::string& name) {
  SoundBytes bytes{given};
  SF_INFO info{};
  const auto file = open_sound(bytes, info, name);
  Sound sound{.sampling_rate = info.samplerate, .channels = info.channels};
  const int64_t at_once = std::max<int64_t>(1, kSamplesAtOnce / info.channels);
  std::vector<float> frames(static_cast<size_t>(at_once * info.channels));
  while (const auto count = sf_readf_float(file.get(), frames.data(), at_once)) {
    if (std::ssize(sound.samples) + count > kMostSamples)
      throw DataError(text_of(name, ": more than ", kMostSamples, " samples; cut it into parts"));
    mix({frames.data(), static_cast<size_t>(count * info.channels)}, info.channels, sound, name);
  }
  if (sf_error(file.get()) != SF_ERR_NO_ERROR)
    throw DataError(name + ": damaged (" + sf_strerror(file.get()) + ")");
  const auto read = std::ssize(sound.samples);
  const bool is_mpeg = (info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG;
  if (read < info.frames && !is_mpeg)  // whose header only estimates it
    throw DataError(text_of(name, ": ends behind ", read, " samples of ", info.frames,
                            ": it was cut off; copy it again"));
  if (read == 0) throw DataError(name + ": holds no samples; expected a recording");
  return sound;
}

double seconds_said(const std::filesystem::path& file) {
  SF_INFO info{};
  const SoundFile open(sf_open(file.c_str(), SFM_READ, &info));
  if (!open || info.samplerate < 1)
    throw DataError(file.string() + ": not a recording that can be read");
  return double(info.frames) / double(info.samplerate);
}

Sound resampled(Sound sound, int64_t sampling_rate) {
  if (sound.sampling_rate == sampling_rate) return sound;
  const double ratio = double(sampling_rate) / double(sound.sampling_rate);
  if (!src_is_valid_ratio(ratio))
    throw DataError(text_of("a sampling rate of ", sound.sampling_rate,
                            " is too far from the model's ", sampling_rate,
                            "; convert the recording"));
  const auto count = std::llround(double(sound.samples.size()) * ratio);
  if (count > kMostSamples)
    throw DataError(text_of("more than ", kMostSamples, " samples at ", sampling_rate,
                            " a second; cut it into parts"));
  std::vector<float> out(static_cast<size_t>(count) + 1);
  SRC_DATA data{};
  data.data_in = sound.samples.data(), data.input_frames = std::ssize(sound.samples);
  data.data_out = out.data(), data.output_frames = std::ssize(out);
  data.src_ratio = ratio;
  if (const int error = src_simple(&data, SRC_SINC_MEDIUM_QUALITY, 1))
    throw DataError(std::string("cannot change the sampling rate: ") + src_strerror(error));
  out.resize(static_cast<size_t>(std::min<int64_t>(count, data.output_frames_gen)));
  out.resize(static_cast<size_t>(count));  // the last may be one that it did not reach: silence
  sound.samples = std::move(out), sound.sampling_rate = sampling_rate;
  return sound;
}

std::vector<SampleRange> cut_at_pauses(const Sound& sound, double seconds) {
  if (!(seconds >= 1))
    throw UsageError(text_of("cut_at_pauses: seconds: expected at least 1, given ", seconds));
  const auto& x = sound.samples;
  const auto most = static_cast<int64_t>(seconds * double(sound.sampling_rate));
  const int64_t pause = std::max<int64_t>(1, sound.sampling_rate / 5);
  std::vector<SampleRange> parts;
  int64_t first = 0;
  while (std::ssize(x) - first > most) {
    const auto energy = [&](int64_t i) { return double(x[size_t(i)]) * double(x[size_t(i)]); };
    int64_t begin = first + most - std::max(pause, most / 3);
    double sum = 0;
    for (int64_t i = begin; i < begin + pause; ++i) sum += energy(i);
    double least = sum;
    int64_t quietest = begin;
    for (; begin + pause < first + most; ++begin) {
      sum += energy(begin + pause) - energy(begin);
      if (sum < least) least = sum, quietest = begin + 1;
    }
    const int64_t end = quietest + pause / 2;
    parts.push_back({first, end});
    first = end;
  }
  parts.push_back({first, std::ssize(x)});
  return parts;
}

}  // namespace heed::data
