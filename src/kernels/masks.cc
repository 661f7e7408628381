#include "kernels/masks.h"

#include <algorithm>

#include "kernels/dense.h"

namespace heed::kernels {
namespace {

template <class T>
constexpr T kHidden = -std::numeric_limits<T>::infinity();

/// Walks a tile's elements of a broadcast array, each once: dimensions of stride 0 are not
/// repeated. Stops when `seen` says that no more is needed.
template <class T, class Seen>
void scan(View<const T> dense, int64_t batch, int64_t head, int64_t row, int64_t rows,
          int64_t column, int64_t columns, Seen&& seen) noexcept {
  const T* first = dense.at(batch, head) + row * dense.row + column * dense.column;
  const int64_t distinct_rows = dense.row == 0 ? std::min<int64_t>(rows, 1) : rows;
  const int64_t distinct_columns = dense.column == 0 ? std::min<int64_t>(columns, 1) : columns;
  for (int64_t i = 0; i < distinct_rows; ++i) {
    if (seen(first + i * dense.row, dense.column, distinct_columns)) return;
  }
}

Coverage coverage_of(bool any, bool all) noexcept {
  return all ? Coverage::all : any ? Coverage::part : Coverage::none;
}

}  // namespace

template <class T>
Coverage WindowMask<T>::coverage(int64_t, int64_t, int64_t row, int64_t rows, int64_t column,
                                 int64_t columns) const noexcept {
  const int64_t first = row + offset_, last = first + rows - 1;
  const int64_t last_column = column + columns - 1;
  if (last_column < first - left_ || column > last + right_) return Coverage::none;
  if (column >= last - left_ && last_column <= first + right_) return Coverage::all;
  return Coverage::part;
}

template <class T>
Span WindowMask<T>::span(int64_t, int64_t, int64_t row, int64_t rows, Span within) const noexcept {
  const int64_t first = row + offset_, last = first + rows - 1;
  return {std::max(within.begin, first - left_), std::min(within.end, last + right_ + 1)};
}

template <class T>
void WindowMask<T>::apply(const Tile<T>& scores) const noexcept {
  for (int64_t j = 0; j < scores.columns; ++j) {
    // Row i sees the key when i >= first and i < end.
    const int64_t position = scores.column + j - offset_ - scores.row;
    const int64_t first = std::clamp<int64_t>(position - right_, 0, scores.rows);
    const int64_t end = std::clamp<int64_t>(position + left_ + 1, first, scores.rows);
    T* key = scores.data + j * scores.stride;
    std::fill(key, key + first, kHidden<T>);
    std::fill(key + end, key + scores.rows, kHidden<T>);
  }
}

template <class T>
Coverage LengthMask<T>::coverage(int64_t batch, int64_t, int64_t, int64_t, int64_t column,
                                 int64_t columns) const noexcept {
  const int64_t length = lengths_[batch];
  return coverage_of(column < length, column + columns <= length);
}

template <class T>
Span LengthMask<T>::span(int64_t batch, int64_t, int64_t, int64_t, Span within) const noexcept {
  return {within.begin, std::min(within.end, lengths_[batch])};
}

template <class T>
void LengthMask<T>::apply(const Tile<T>& scores) const noexcept {
  const int64_t first = std::max<int64_t>(0, lengths_[scores.batch] - scores.column);
  for (int64_t j = first; j < scores.columns; ++j) {
    std::fill_n(scores.data + j * scores.stride, scores.rows, kHidden<T>);
  }
}

template <class T>
Coverage DenseMask<T>::coverage(int64_t batch, int64_t head, int64_t row, int64_t rows,
                                int64_t column, int64_t columns) const noexcept {
  bool any = false, all = true;
  scan(may_see_, batch, head, row, rows, column, columns,
       [&](const bool* may_see, int64_t stride, int64_t count) {
         for (int64_t j = 0; j < count; ++j) any |= may_see[j * stride], all &= may_see[j * stride];
         return any && !all;
       });
  return coverage_of(any, all);
}

template <class T>
void DenseMask<T>::apply(const Tile<T>& scores) const noexcept {
  with_dense(scores, may_see_,
             [](T& score, bool may_see) { score = may_see ? score : kHidden<T>; });
}

template <class T>
Coverage AdditiveMask<T>::coverage(int64_t batch, int64_t head, int64_t row, int64_t rows,
                                   int64_t column, int64_t columns) const noexcept {
  bool any = false, all = true;
  scan(added_, batch, head, row, rows, column, columns,
       [&](const T* added, int64_t stride, int64_t count) {
         for (int64_t j = 0; j < count; ++j) {
           any |= added[j * stride] != kHidden<T>, all &= added[j * stride] == 0;
         }
         return any && !all;
       });
  return coverage_of(any, all);
}

template <class T>
void AdditiveMask<T>::apply(const Tile<T>& scores) const noexcept {
  with_dense(scores, added_,
             [](T& score, T term) { score = term == kHidden<T> ? term : score + term; });
}

template class WindowMask<float>;
template class WindowMask<double>;
template class LengthMask<float>;
template class LengthMask<double>;
template class DenseMask<float>;
template class DenseMask<double>;
template class AdditiveMask<float>;
template class AdditiveMask<double>;

}  // namespace heed::kernels
