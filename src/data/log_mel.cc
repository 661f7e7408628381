#include "heed/data/log_mel.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/data/front_end.h"

namespace heed::data {
namespace {

void check_options_of(LogMelOptions options) {
  options.fields(BoundsCheck([](const char* field, const Bounds& bounds, const auto& value) {
    throw UsageError(text_of("log_mel: ", field, ": expected ", bounds.text(), ", given ", value));
  }));
  if (options.mels > options.window / 2 + 1)
    throw UsageError(text_of("log_mel: mels: expected at most the ", options.window / 2 + 1,
                             " bins of a window of ", options.window, " samples, given ",
                             options.mels));
}

FrontEndOptions whisper_front_end(const LogMelOptions& given) {
  FrontEndOptions options(FrontEndPreset::librosa, FrontEndKind::fbank, given.sampling_rate);
  options.window = options.fft = given.window;
  options.hop = given.hop, options.mels = given.mels;
  options.edges = FrameEdges::reflect;
  options.log = EnergyLog::log10, options.dynamic_range = 8;
  return options;
}

/// The samples with silence behind.
std::vector<float> with_silence(std::span<const float> samples, const LogMelOptions& options) {
  const int64_t most = options.seconds * options.sampling_rate, given = std::ssize(samples);
  if (most > 0 && given > most)
    throw DataError(text_of("log_mel: ", given, " samples, but the model reads ", most, " (",
                            options.seconds, " seconds); cut the sound into parts"));
  std::vector<float> all(samples.begin(), samples.end());
  all.resize(static_cast<size_t>(std::max(most, given)));
  return all;
}

}  // namespace

LogMel log_mel(std::span<const float> samples, const LogMelOptions& options) {
  check_options_of(options);
  const auto all = with_silence(samples, options);
  auto found = FrontEnd(whisper_front_end(options))(all);
  for (float& value : found.values) value = (value + 4) / 4;
  return {found.frames, std::move(found.values)};
}

}  // namespace heed::data
