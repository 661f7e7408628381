// The IDX reader, plain and packed.
#include "fuzz/fuzz.h"
#include "heed/data/idx.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<DataError>([&] {
    const auto images = data::parse_idx_images({data, size}, "x.idx");
    fuzz::require(static_cast<int64_t>(images.values.size()) ==
                  images.count * images.height * images.width);
    fuzz::require(!images.values.empty());
  });
  fuzz::only<DataError>([&] {
    fuzz::require(!data::parse_idx_labels({data, size}, "x.idx").empty());
  });
  return 0;
}
