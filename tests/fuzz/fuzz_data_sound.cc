// The reader of recordings: what it reads has samples, all of them finite.
#include <cmath>

#include "fuzz/fuzz.h"
#include "heed/data/sound.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<DataError>([&] {
    const auto sound = data::decode_sound({data, size}, "x.wav");
    fuzz::require(sound.sampling_rate > 0 && sound.channels > 0 && !sound.samples.empty());
    for (const float sample : sound.samples) fuzz::require(std::isfinite(sample));
  });
  return 0;
}
