#include "kernels/turn_pairs.h"

#include <algorithm>

namespace heed::kernels {
namespace {

template <class T>
void turn(const TurnPairs<T>& p) {
  const int64_t step = p.interleaved ? 2 : 1, apart = p.interleaved ? 1 : p.pairs;
  T* __restrict y = p.y;
  for (int64_t i = 0; i < p.pairs; ++i) {
    const T a = p.x[i * step], b = p.x[i * step + apart];
    y[i * step] = a * p.cos[i] - b * p.sin[i];
    y[i * step + apart] = b * p.cos[i] + a * p.sin[i];
  }
  std::copy(p.x + 2 * p.pairs, p.x + p.D, y + 2 * p.pairs);
}

}  // namespace

void turn_pairs(const TurnPairs<float>& problem) { turn(problem); }
void turn_pairs(const TurnPairs<double>& problem) { turn(problem); }

}  // namespace heed::kernels
