#include "kernels/given_masks.h"

#include <algorithm>
#include <limits>

namespace heed::kernels {

template <class T>
Coverage SegmentMask<T>::coverage(int64_t batch, int64_t, int64_t row, int64_t rows, int64_t column,
                                  int64_t columns) const noexcept {
  const int64_t* of = segment_ids_ + batch * keys_;
  const int64_t q0 = of[row + offset_], q1 = of[row + offset_ + rows - 1];
  const int64_t k0 = of[column], k1 = of[column + columns - 1];
  if (k1 < q0 || k0 > q1) return Coverage::none;
  return q0 == q1 && k0 == k1 && q0 == k0 ? Coverage::all : Coverage::part;
}

template <class T>
Span SegmentMask<T>::span(int64_t batch, int64_t, int64_t row, int64_t rows,
                          Span within) const noexcept {
  if (within.begin >= within.end) return within;
  const int64_t* of = segment_ids_ + batch * keys_;
  const int64_t *begin = of + within.begin, *end = of + within.end;
  const int64_t* first = std::lower_bound(begin, end, of[row + offset_]);
  const int64_t* last = std::upper_bound(first, end, of[row + offset_ + rows - 1]);
  return {first - of, last - of};
}

template <class T>
void SegmentMask<T>::apply(const Tile<T>& scores) const noexcept {
  const int64_t* keys = segment_ids_ + scores.batch * keys_ + scores.column;
  const int64_t* queries = segment_ids_ + scores.batch * keys_ + scores.row + offset_;
  for (int64_t j = 0; j < scores.columns; ++j) {
    for (int64_t i = 0; i < scores.rows; ++i) {
      if (queries[i] != keys[j]) scores(i, j) = -std::numeric_limits<T>::infinity();
    }
  }
}

template <class T>
bool BlockMask<T>::any(int64_t batch, int64_t head, int64_t row, int64_t rows,
                       int64_t block) const noexcept {
  const bool* column = may_see_.at(batch, head) + block * may_see_.column;
  for (int64_t i = row / size_; i <= (row + rows - 1) / size_; ++i) {
    if (column[i * may_see_.row]) return true;
  }
  return false;
}

template <class T>
Coverage BlockMask<T>::coverage(int64_t batch, int64_t head, int64_t row, int64_t rows,
                                int64_t column, int64_t columns) const noexcept {
  bool any = false, all = true;
  const bool* of = may_see_.at(batch, head);
  for (int64_t i = row / size_; i <= (row + rows - 1) / size_; ++i) {
    for (int64_t j = column / size_; j <= (column + columns - 1) / size_; ++j) {
      const bool sees = of[i * may_see_.row + j * may_see_.column];
      any |= sees, all &= sees;
    }
  }
  return all ? Coverage::all : any ? Coverage::part : Coverage::none;
}

template <class T>
Span BlockMask<T>::span(int64_t batch, int64_t head, int64_t row, int64_t rows,
                        Span within) const noexcept {
  while (within.begin < within.end && !any(batch, head, row, rows, within.begin / size_)) {
    within.begin = (within.begin / size_ + 1) * size_;
  }
  while (within.begin < within.end && !any(batch, head, row, rows, (within.end - 1) / size_)) {
    within.end = (within.end - 1) / size_ * size_;
  }
  return within;
}

template <class T>
void BlockMask<T>::apply(const Tile<T>& scores) const noexcept {
  const bool* of = may_see_.at(scores.batch, scores.head);
  for (int64_t j = 0; j < scores.columns; ++j) {
    const bool* column = of + (scores.column + j) / size_ * may_see_.column;
    for (int64_t i = 0; i < scores.rows; ++i) {
      if (!column[(scores.row + i) / size_ * may_see_.row])
        scores(i, j) = -std::numeric_limits<T>::infinity();
    }
  }
}

template class SegmentMask<float>;
template class SegmentMask<double>;
template class BlockMask<float>;
template class BlockMask<double>;

}  // namespace heed::kernels
