#include "kernels/gumbel.h"

#include <algorithm>
#include <cmath>

#include "heed/core/random.h"
#include "kernels/blocks.h"

namespace heed::kernels {

void gumbel_noise(uint64_t seed, int64_t batch, int64_t head, int64_t row, int64_t first,
                  int64_t count, double* noise) noexcept {
  constexpr uint64_t kNotDropout = 0x9E3779B97F4A7C15;  // a stream of its own
  for (int64_t j = first; j < first + count;) {
    const auto words =
        philox(seed ^ kNotDropout, {static_cast<uint32_t>(j / 4), static_cast<uint32_t>(row),
                                    static_cast<uint32_t>(head), static_cast<uint32_t>(batch)});
    for (int64_t word = j % 4; word < 4 && j < first + count; ++word, ++j) {
      const double u = (static_cast<double>(words[word]) + 0.5) * 0x1p-32;
      noise[j - first] = -std::log(-std::log(u));
    }
  }
}

template <class T>
void Gumbel<T>::forward(const Tile<T>& scores) const noexcept {
  double noise[kKeys];
  for (int64_t i = 0; i < scores.rows; ++i) {
    for (int64_t j = 0; j < scores.columns; j += kKeys) {
      const int64_t count = std::min(kKeys, scores.columns - j);
      gumbel_noise(seed_, scores.batch, scores.head, scores.row + i, scores.column + j, count,
                   noise);
      for (int64_t x = 0; x < count; ++x) scores(i, j + x) += static_cast<T>(noise[x]);
    }
  }
}

template class Gumbel<float>;
template class Gumbel<double>;

}  // namespace heed::kernels
