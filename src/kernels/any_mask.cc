#include "kernels/any_mask.h"

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/blocks.h"

namespace heed::kernels {

template <class T>
Coverage AnyMask<T>::coverage(int64_t batch, int64_t head, int64_t row, int64_t rows,
                              int64_t column, int64_t columns) const noexcept {
  Coverage most = Coverage::none;
  for (const auto& mask : masks_) {
    const Coverage one = mask->coverage(batch, head, row, rows, column, columns);
    if (one == Coverage::all) return one;
    if (one == Coverage::part) most = one;
  }
  return most;
}

template <class T>
Span AnyMask<T>::span(int64_t batch, int64_t head, int64_t row, int64_t rows,
                      Span within) const noexcept {
  Span hull{within.end, within.begin};
  for (const auto& mask : masks_) {
    const Span one = mask->span(batch, head, row, rows, within);
    if (one.begin >= one.end) continue;
    hull = {std::min(hull.begin, one.begin), std::max(hull.end, one.end)};
  }
  return hull;
}

template <class T>
void AnyMask<T>::apply(const Tile<T>& scores) const noexcept {
  constexpr T kHidden = -std::numeric_limits<T>::infinity();
  // A key after the other, so that a few hundred bytes of the stack serve a tile of any size.
  for (int64_t j = 0; j < scores.columns; ++j) {
    std::array<T, kQueries> hidden, one;
    Tile<T> key = scores;
    key.column = scores.column + j, key.columns = 1;
    hidden.fill(kHidden);
    for (const auto& mask : masks_) {
      one.fill(0);
      key.data = one.data();
      mask->apply(key);
      for (int64_t i = 0; i < scores.rows; ++i) hidden[i] = std::max(hidden[i], one[i]);
    }
    for (int64_t i = 0; i < scores.rows; ++i) {
      if (hidden[i] == kHidden) scores(i, j) = kHidden;
    }
  }
}

template class AnyMask<float>;
template class AnyMask<double>;

}  // namespace heed::kernels
