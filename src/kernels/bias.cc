#include "kernels/bias.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bias.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dense.h"
#include "kernels/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

/// A tile goes key by key and the bias row by row: squares are turned on their way from the one to
/// the other.
/// to (kSide rows `to_row` apart) += from (kSide rows `from_row` apart), turned.
template <class T>
HWY_INLINE void add_turned(const T* HWY_RESTRICT from, int64_t from_row, T* HWY_RESTRICT to,
                           int64_t to_row) {
  const hn::FixedTag<T, kSide<T>> d;
  hn::Vec<decltype(d)> rows[kSide<T>];
  for (int64_t x = 0; x < kSide<T>; ++x) rows[x] = hn::LoadU(d, from + x * from_row);
  turn(d, rows);
  for (int64_t x = 0; x < kSide<T>; ++x) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + x * to_row), rows[x]), d, to + x * to_row);
  }
}

/// What squares cover: whole ones, where the bias' columns lie side by side and its rows apart.
template <class T, class D>
HWY_INLINE Tile<T> squares(const Tile<T>& tile, View<D> dense) {
  Tile<T> part = tile;
  const bool fits = dense.column == 1 && dense.row != 0;
  part.rows = fits ? tile.rows / kSide<T> * kSide<T> : 0;
  part.columns = fits ? tile.columns / kSide<T> * kSide<T> : 0;
  return part;
}

template <class T, class D, class Visit>
HWY_INLINE void for_squares(const Tile<T>& part, View<D> dense, Visit&& visit) {
  D* first = dense.at(part.batch, part.head) + part.row * dense.row + part.column;
  for (int64_t i = 0; i < part.rows; i += kSide<T>) {
    for (int64_t j = 0; j < part.columns; j += kSide<T>) {
      visit(part.data + j * part.stride + i, first + i * dense.row + j);
    }
  }
}

#else

template <class T, class D>
Tile<T> squares(const Tile<T>& tile, View<D>) {
  Tile<T> part = tile;
  part.rows = part.columns = 0;
  return part;
}

#endif

/// Calls with_dense on the edges that the squares leave.
template <class T, class D, class Op>
HWY_INLINE void on_edges(const Tile<T>& tile, const Tile<T>& part, View<D> dense, Op&& op) {
  Tile<T> below = tile;  // the rows after the squares, of their columns
  below.data += part.rows, below.row += part.rows, below.rows -= part.rows;
  below.columns = part.columns;
  if (below.rows > 0 && below.columns > 0) with_dense(below, dense, op);
  Tile<T> beside = tile;
  beside.data += part.columns * tile.stride, beside.column += part.columns;
  beside.columns -= part.columns;
  if (beside.columns > 0) with_dense(beside, dense, op);
}

template <class T>
void add_bias(const Tile<T>& scores, View<const T> bias) {
  const Tile<T> part = squares(scores, bias);
#if HWY_TARGET != HWY_SCALAR
  for_squares(part, bias, [&](T* score, const T* term) HWY_ATTR {
    add_turned(term, bias.row, score, part.stride);
  });
#endif
  on_edges(scores, part, bias, [](T& score, T term) { score += term; });
}

template <class T>
void add_gradient(const Tile<T>& gradient, View<T> sums) {
  const Tile<T> part = squares(gradient, sums);
#if HWY_TARGET != HWY_SCALAR
  for_squares(part, sums, [&](const T* grad, T* sum) HWY_ATTR {
    add_turned(grad, part.stride, sum, sums.row);
  });
#endif
  on_edges(gradient, part, sums, [](T& grad, T& sum) { sum += grad; });
}

}  // namespace

void add_bias_float(const Tile<float>& s, View<const float> bias) { add_bias(s, bias); }
void add_bias_double(const Tile<double>& s, View<const double> bias) { add_bias(s, bias); }
void add_gradient_float(const Tile<float>& g, View<float> sums) { add_gradient(g, sums); }
void add_gradient_double(const Tile<double>& g, View<double> sums) { add_gradient(g, sums); }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(add_bias_float);
HWY_EXPORT(add_bias_double);
HWY_EXPORT(add_gradient_float);
HWY_EXPORT(add_gradient_double);

template <>
void Bias<float>::forward(const Tile<float>& scores) const noexcept {
  HWY_DYNAMIC_DISPATCH(add_bias_float)(scores, bias_);
}

template <>
void Bias<double>::forward(const Tile<double>& scores) const noexcept {
  HWY_DYNAMIC_DISPATCH(add_bias_double)(scores, bias_);
}

template <>
void Bias<float>::backward(const Tile<float>&, const Tile<float>& gradient) const noexcept {
  if (gradient_.data) HWY_DYNAMIC_DISPATCH(add_gradient_float)(gradient, gradient_);
}

template <>
void Bias<double>::backward(const Tile<double>&, const Tile<double>& gradient) const noexcept {
  if (gradient_.data) HWY_DYNAMIC_DISPATCH(add_gradient_double)(gradient, gradient_);
}

template class Bias<float>;
template class Bias<double>;

}  // namespace heed::kernels
#endif
