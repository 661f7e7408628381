// The reader of files of features: what it reads is whole frames of finite numbers.
#include <cmath>

#include "fuzz/fuzz.h"
#include "heed/data/feature_file.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto order : {data::FeatureOrder::frames_first, data::FeatureOrder::bands_first})
    fuzz::only<DataError>([&] {
      const auto found =
          data::decode_feature_file({data, size}, "x.mfc", {.coefficients = 2, .order = order});
      fuzz::require(found.bands == 2 && found.frames > 0 &&
                    std::ssize(found.values) == 2 * found.frames);
      for (const float value : found.values) fuzz::require(std::isfinite(value));
    });
  return 0;
}
