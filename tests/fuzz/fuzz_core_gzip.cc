// The gzip reader: whole streams and their heads.
#include <algorithm>

#include "core/gzip.h"
#include "fuzz/fuzz.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int64_t kMost = 1 << 20;
  fuzz::only<DataError>([&] {
    const auto whole = gunzip({data, size}, "x.gz", kMost);
    fuzz::require(whole.size() <= kMost);
    const auto head = gunzip({data, size}, "x.gz", 16);
    fuzz::require(head.size() == std::min<size_t>(16, whole.size()) &&
                  std::equal(head.begin(), head.end(), whole.begin()));
  });
  return 0;
}
