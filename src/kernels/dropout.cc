#include "kernels/dropout.h"

#include "heed/core/random.h"
#include "kernels/attend.h"

namespace heed::kernels {

void dropout_keep(double probability, uint64_t seed, int64_t batch, int64_t head, int64_t row,
                  int64_t first, int64_t count, uint8_t* keep) noexcept {
  const uint64_t threshold = dropout_threshold(probability);
  for (int64_t j = first; j < first + count;) {
    const auto words =
        philox<kDropoutRounds>(seed, {static_cast<uint32_t>(j / 4), static_cast<uint32_t>(row),
                                      static_cast<uint32_t>(head), static_cast<uint32_t>(batch)});
    for (; j < first + count; ++j) {
      keep[j - first] = words[j % 4] >= threshold;
      if (j % 4 == 3) {
        ++j;
        break;
      }
    }
  }
}

}  // namespace heed::kernels
