// The reader of masks: what can be read is written and read again as it was.
#include "fuzz/fuzz.h"
#include "heed/data/mask_file.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const data::ImageLimits limits{.side = 4096, .pixels = 1 << 20};
  fuzz::only<DataError>([&] {
    const auto mask = data::decode_mask({data, size}, "x.png", limits);
    fuzz::require(std::ssize(mask.values) == mask.pixels());
    const auto bytes = data::encode_mask(mask, data::MaskColours::grey);
    const auto* first = reinterpret_cast<const uint8_t*>(bytes.data());
    fuzz::require(data::decode_mask({first, bytes.size()}, "y.png", limits) == mask);
  });
  return 0;
}
