#include "kernels/adaptive_span.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heed::kernels {

template <class T>
int64_t SpanMask<T>::reach(int64_t head) const noexcept {
  return static_cast<int64_t>(std::ceil(ramp_.length + spans_[head])) - 1;
}

template <class T>
Span SpanMask<T>::span(int64_t, int64_t head, int64_t row, int64_t rows,
                       Span within) const noexcept {
  const int64_t first = row + ramp_.offset, last = first + rows - 1, far = reach(head);
  return {std::max(within.begin, first - far), std::min(within.end, last + far + 1)};
}

template <class T>
Coverage SpanMask<T>::coverage(int64_t, int64_t head, int64_t row, int64_t rows, int64_t column,
                               int64_t columns) const noexcept {
  const int64_t first = row + ramp_.offset, last = first + rows - 1, far = reach(head);
  const int64_t end = column + columns - 1;
  if (column > last + far || end < first - far) return Coverage::none;
  const bool all = end - first <= far && last - column <= far;
  return all ? Coverage::all : Coverage::part;
}

template <class T>
void SpanMask<T>::apply(const Tile<T>& scores) const noexcept {
  const double span = spans_[scores.head];
  for (int64_t j = 0; j < scores.columns; ++j) {
    for (int64_t i = 0; i < scores.rows; ++i) {
      if (ramp_.at(span, scores.row + i, scores.column + j) <= 0)
        scores(i, j) = -std::numeric_limits<T>::infinity();
    }
  }
}

template <class T>
void SpanRamp<T>::forward(const Tile<T>& scores) const noexcept {
  const double span = *spans_.at(scores.batch, scores.head);
  for (int64_t j = 0; j < scores.columns; ++j) {
    for (int64_t i = 0; i < scores.rows; ++i) {
      const double m = ramp_.at(span, scores.row + i, scores.column + j);
      if (m > 0 && m < 1) scores(i, j) += static_cast<T>(std::log(m));
    }
  }
}

template <class T>
void SpanRamp<T>::backward(const Tile<T>&, const Tile<T>& gradient) const noexcept {
  if (!sums_.begun()) return;
  const double span = *spans_.at(gradient.batch, gradient.head);
  double sum = 0;
  for (int64_t j = 0; j < gradient.columns; ++j) {
    for (int64_t i = 0; i < gradient.rows; ++i) {
      const double m = ramp_.unclamped(span, gradient.row + i, gradient.column + j);
      if (m > 0 && m <= 1) sum += gradient(i, j) / (m * ramp_.length);
    }
  }
  *sums_.view().at(gradient.batch, gradient.head) += sum;
}

template class SpanMask<float>;
template class SpanMask<double>;
template class SpanRamp<float>;
template class SpanRamp<double>;

}  // namespace heed::kernels
