#include "bench_features.h"

#include <array>
#include <iostream>

#include "heed/data/front_end.h"
#include "heed/data/log_mel.h"
#include "heed/data/sound.h"
#include "heed/formats/npy.h"
#include "heed/train/recipe.h"

namespace heed::cli {
namespace {

enum class BenchFeatures { log_mel, fbank, mfcc };
constexpr std::array<const char*, 3> words(BenchFeatures) { return {"log_mel", "fbank", "mfcc"}; }

/// The keys of a recipe's [input].
struct FeatureKeys {
  BenchFeatures features = BenchFeatures::fbank;
  data::LogMelOptions log_mel;
  data::FrontEndOptions front_end;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("features", features, "as of [input]");
    if (features == BenchFeatures::log_mel) return v("log_mel", log_mel, "");
    front_end.kind =
        features == BenchFeatures::mfcc ? data::FrontEndKind::mfcc : data::FrontEndKind::fbank;
    v("front_end", front_end, "");
  }
};

data::SoundFeatures features_by(const FeatureKeys& keys, const std::string& recording) {
  const bool whisper = keys.features == BenchFeatures::log_mel;
  const auto rate = whisper ? keys.log_mel.sampling_rate : keys.front_end.sampling_rate;
  const auto sound = data::read_sound(recording, {.sampling_rate = rate});
  if (!whisper) return data::FrontEnd(keys.front_end)(sound.samples);
  auto found = data::log_mel(sound.samples, keys.log_mel);
  return {keys.log_mel.mels, found.frames, std::move(found.values)};
}

}  // namespace

void bench_features(const FeaturesBench& bench) {
  data::SoundFeatures found;
  if (bench.input.empty()) {
    auto sound = data::read_sound(bench.recording, {.sampling_rate = bench.sampling_rate});
    found = {1, std::ssize(sound.samples), std::move(sound.samples)};
  } else {
    found = features_by(read_recipe<FeatureKeys>(RecipeFile::parse(bench.input, "--input")),
                        bench.recording);
  }
  std::cout << npy_bytes(at::tensor(found.values).view({found.bands, found.frames}));
}

}  // namespace heed::cli
