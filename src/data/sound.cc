#include "heed/data/sound.h"

#include <samplerate.h>
#include <sndfile.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "core/bytes.h"
#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

constexpr int64_t kLargestSoundFile = int64_t{1} << 32;
constexpr int64_t kMostSamples = int64_t{1} << 30;
constexpr int64_t kSamplesAtOnce = 1 << 16;

/// The bytes of a file, for libsndfile to walk in.
struct SoundBytes {
  std::vector<uint8_t> bytes = {};
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

/// Headers of WAV, RF64, W64, AIFF and AU say how many bytes follow. Of a file that was cut off libsndfile reads what there
/// is, and notes it: "data : 32000 (should be 16000)".
void check_sizes_said(SNDFILE* file, const std::string& name) {
  constexpr uint64_t kNotKnown = 0xFFFFFFFF;  // of what was written to a pipe
  char log[1 << 14] = "";
  sf_command(file, SFC_GET_LOG_INFO, log, sizeof log);
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(" : ");
    uint64_t said = 0, there = 0;
    if (colon == std::string::npos ||
        std::sscanf(line.c_str() + colon, " : %" SCNu64 " (should be %" SCNu64 ")", &said,
                    &there) != 2)
      continue;
    if (said > there && said != kNotKnown)
      throw DataError(text_of(name, ": its header says that ", said,
                              " bytes follow, and there are ", there,
                              ": it was cut off; copy it again"));
  }
}

struct CloseConverter {
  void operator()(SRC_STATE* state) const { src_delete(state); }
};

}  // namespace

struct SoundReader::Impl {
  std::string name;
  SoundOptions options;
  SoundBytes bytes = {};  ///< of what was read once; libsndfile walks in them
  SF_INFO info = {};
  SoundFile file = nullptr;
  int64_t frames_read = 0;
  std::vector<float> frames = {}, waiting = {};  ///< as they stand in the file; one channel of them
  std::unique_ptr<SRC_STATE, CloseConverter> converter = nullptr;
  bool ended = false;
  double ratio = 1;
  int64_t given = 0;  ///< samples at the other rate

  void opened(uint64_t size);
  void open_file(const std::filesystem::path& path);
  void open_bytes();
  void make_converter();
  void read_frames();
  void add(const float* frame);
  void check_end();
  void convert(std::vector<float>& samples, int64_t count);
};

void SoundReader::Impl::opened(uint64_t size) {
  if (size == 0) throw DataError(name + ": the file is empty; expected a recording");
  if (!file)
    throw DataError(name + ": not a recording that can be read (" + sf_strerror(nullptr) +
                    "); convert it to WAV or FLAC, or remove it");
  check_sizes_said(file.get(), name);
  if (info.channels < 1 || info.samplerate < 1)
    throw DataError(text_of(name, ": a recording of ", info.channels, " channels at ",
                            info.samplerate, " samples a second holds nothing"));
  if (options.channel > info.channels)
    throw DataError(text_of(name, ": has ", info.channels,
                            info.channels == 1 ? " channel" : " channels",
                            ", and input.channel is ", options.channel));
  make_converter();
}

void SoundReader::Impl::open_file(const std::filesystem::path& path) {
  read_first_bytes(path, 1);  // says why it cannot be opened
  file.reset(sf_open(path.c_str(), SFM_READ, &info));
  opened(std::filesystem::file_size(path));
}

void SoundReader::Impl::open_bytes() {
  SF_VIRTUAL_IO io{size_of_bytes, seek_bytes, read_bytes_at, write_no_bytes, tell_bytes};
  if (!bytes.bytes.empty()) file.reset(sf_open_virtual(&io, SFM_READ, &info, &bytes));
  opened(bytes.bytes.size());
}

void SoundReader::Impl::make_converter() {
  if (options.sampling_rate == 0 || options.sampling_rate == info.samplerate) return;
  ratio = double(options.sampling_rate) / double(info.samplerate);
  if (!src_is_valid_ratio(ratio))
    throw DataError(text_of(name, ": a sampling rate of ", info.samplerate,
                            " is too far from the model's ", options.sampling_rate,
                            "; convert the recording"));
  int error = 0;
  converter.reset(src_new(SRC_SINC_MEDIUM_QUALITY, 1, &error));
  if (!converter) throw std::bad_alloc();
}

/// Appends a sample: one channel of a frame, or the mean.
void SoundReader::Impl::add(const float* frame) {
  double sum = 0;
  for (int c = 0; c < info.channels; ++c) sum += frame[c];
  const auto sample = options.channel > 0
                          ? frame[options.channel - 1]
                          : static_cast<float>(sum / static_cast<double>(info.channels));
  if (!std::isfinite(sum))
    throw DataError(
        text_of(name, ": sample ", frames_read + 1, " is not finite; record or convert it again"));
  waiting.push_back(sample), ++frames_read;
}

/// Some more of the file into `waiting`.
void SoundReader::Impl::read_frames() {
  const int64_t at_once = std::max<int64_t>(1, kSamplesAtOnce / info.channels);
  frames.resize(static_cast<size_t>(at_once * info.channels));
  const auto count = sf_readf_float(file.get(), frames.data(), at_once);
  for (int64_t i = 0; i < count; ++i) add(frames.data() + i * info.channels);
  if (count == 0) check_end();
}

void SoundReader::Impl::check_end() {
  ended = true;
  if (sf_error(file.get()) != SF_ERR_NO_ERROR)
    throw DataError(name + ": damaged (" + sf_strerror(file.get()) + ")");
  const bool is_mpeg = (info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_MPEG;
  if (frames_read < info.frames && !is_mpeg) {  // whose header only estimates it
    const auto of = info.frames == SF_COUNT_MAX ? "" : text_of(" of ", info.frames);
    throw DataError(text_of(name, ": ends behind ", frames_read, " samples", of,
                            ": it was cut off; copy it again"));
  }
  if (frames_read == 0) throw DataError(name + ": holds no samples; expected a recording");
}

/// Appends up to `count` samples at the other rate, round(n ratio) of n in all.
void SoundReader::Impl::convert(std::vector<float>& samples, int64_t count) {
  std::vector<float> out(static_cast<size_t>(std::min<int64_t>(count, kSamplesAtOnce)));
  const auto most = std::ssize(samples) + count;
  while (std::ssize(samples) < most) {
    if (waiting.empty() && !ended) read_frames();
    SRC_DATA data{};
    data.data_in = waiting.data(), data.input_frames = std::ssize(waiting);
    data.data_out = out.data();
    data.output_frames = std::min(std::ssize(out), most - std::ssize(samples));
    data.src_ratio = ratio, data.end_of_input = ended;
    if (const int error = src_process(converter.get(), &data))
      throw DataError(name + ": cannot change the sampling rate: " + src_strerror(error));
    waiting.erase(waiting.begin(), waiting.begin() + data.input_frames_used);
    samples.insert(samples.end(), out.begin(), out.begin() + data.output_frames_gen);
    given += data.output_frames_gen;
    if (!ended || data.output_frames_gen > 0) continue;
    // The last may be one that it did not reach: silence. Or it is one too many.
    const auto all = std::llround(double(frames_read) * ratio);
    for (; given < all && std::ssize(samples) < most; ++given) samples.push_back(0);
    for (; given > all && !samples.empty(); --given) samples.pop_back();
    return;
  }
}

SoundReader::SoundReader(const std::filesystem::path& file, const SoundOptions& options)
    : impl_(std::make_unique<Impl>(Impl{.name = file.string(), .options = options})) {
  if (kind_of(file) == PathKind::other) {
    impl_->bytes.bytes = read_bytes_once(file, kLargestSoundFile);
    impl_->open_bytes();
  } else {
    impl_->open_file(file);
  }
}

SoundReader::SoundReader(std::vector<uint8_t> bytes, std::string name, const SoundOptions& options)
    : impl_(std::make_unique<Impl>(Impl{.name = std::move(name), .options = options})) {
  impl_->bytes.bytes = std::move(bytes);
  impl_->open_bytes();
}

SoundReader::~SoundReader() = default;
SoundReader::SoundReader(SoundReader&&) noexcept = default;
SoundReader& SoundReader::operator=(SoundReader&&) noexcept = default;

int64_t SoundReader::sampling_rate() const {
  return impl_->converter ? impl_->options.sampling_rate : impl_->info.samplerate;
}
int64_t SoundReader::file_sampling_rate() const { return impl_->info.samplerate; }
int64_t SoundReader::channels() const { return impl_->info.channels; }

void SoundReader::read(std::vector<float>& samples, int64_t count) {
  if (impl_->converter) return impl_->convert(samples, count);
  while (count > 0) {
    if (impl_->waiting.empty() && !impl_->ended) impl_->read_frames();
    auto& waiting = impl_->waiting;
    if (waiting.empty()) return;
    const auto some = std::min<int64_t>(count, std::ssize(waiting));
    samples.insert(samples.end(), waiting.begin(), waiting.begin() + some);
    waiting.erase(waiting.begin(), waiting.begin() + some);
    count -= some;
  }
}

namespace {

Sound whole_sound(SoundReader reader, const std::string& name) {
  Sound sound{.sampling_rate = reader.sampling_rate(), .channels = reader.channels()};
  reader.read(sound.samples, kMostSamples + 1);
  if (std::ssize(sound.samples) > kMostSamples)
    throw DataError(text_of(name, ": more than ", kMostSamples, " samples; cut it into parts"));
  return sound;
}

}  // namespace

Sound read_sound(const std::filesystem::path& file, const SoundOptions& options) {
  return whole_sound(SoundReader(file, options), file.string());
}

Sound decode_sound(std::span<const uint8_t> given, const std::string& name,
                   const SoundOptions& options) {
  return whole_sound(SoundReader({given.begin(), given.end()}, name, options), name);
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

SoundParts::SoundParts(SoundReader reader, double seconds) : reader_(std::move(reader)) {
  if (!(seconds >= 1))
    throw UsageError(text_of("SoundParts: seconds: expected at least 1, given ", seconds));
  most_ = std::llround(seconds * double(reader_.sampling_rate()));
}

/// One sample more than a part may have, so that it is known whether there is another.
void SoundParts::fill() {
  if (ended_ || std::ssize(ahead_) > most_) return;
  reader_.read(ahead_, most_ + 1 - std::ssize(ahead_));
  ended_ = std::ssize(ahead_) <= most_;
}

bool SoundParts::has_more() {
  fill();
  return !ahead_.empty();
}

/// The middle of the quietest fifth of a second in the last third of `most` samples.
int64_t SoundParts::pause_before(int64_t most) const {
  const int64_t pause = std::max<int64_t>(1, reader_.sampling_rate() / 5);
  const auto energy = [&](int64_t i) {
    return double(ahead_[size_t(i)]) * double(ahead_[size_t(i)]);
  };
  int64_t begin = most - std::max(pause, most / 3);
  double sum = 0;
  for (int64_t i = begin; i < begin + pause; ++i) sum += energy(i);
  double least = sum;
  int64_t quietest = begin;
  for (; begin + pause < most; ++begin) {
    sum += energy(begin + pause) - energy(begin);
    if (sum < least) least = sum, quietest = begin + 1;
  }
  return quietest + pause / 2;
}

std::optional<SoundPart> SoundParts::next() {
  if (!has_more()) return std::nullopt;
  const int64_t end = std::ssize(ahead_) > most_ ? pause_before(most_) : std::ssize(ahead_);
  SoundPart part{begin_, {ahead_.begin(), ahead_.begin() + end}};
  ahead_.erase(ahead_.begin(), ahead_.begin() + end);
  begin_ += end;
  return part;
}

}  // namespace heed::data
