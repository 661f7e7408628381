#include "kernels/bias.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bias.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/blocks.h"
#include "kernels/dense.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

/// A tile goes key by key and the bias row by row: squares are transposed on their way from the one
/// to the other. Eight rows at a time: rows of a bias are often 4 KB apart, and the first-level
/// cache holds eight or twelve such lines.
template <class T>
using Eight = hn::CappedTag<T, 32 / sizeof(T)>;

/// to (kSide rows `to_row` apart) += from (Lanes(d) rows `from_row` apart), transposed.
template <class D, class T>
HWY_INLINE void add_transposed(D d, const T* HWY_RESTRICT from, int64_t from_row,
                               T* HWY_RESTRICT to, int64_t to_row) {
  hn::Vec<D> columns[kSide<T>];
  load_transposed(d, from, from_row, columns);
  for (int64_t x = 0; x < kSide<T>; ++x) {
    T* at = to + x * to_row;
    hn::StoreU(hn::Add(hn::LoadU(d, at), columns[x]), d, at);
  }
}

/// Fetches what lies `ahead` of some rows, where j is at the start of a line: no prefetcher of the
/// caches follows rows that are pages apart.
template <class T>
HWY_INLINE void fetch_rows(const T* from, int64_t row, int64_t rows, int64_t j, int64_t ahead) {
  if (j % (64 / static_cast<int64_t>(sizeof(T))) != 0) return;
  for (int64_t r = 0; r < rows; ++r) hwy::Prefetch(from + r * row + ahead);
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
  const T* terms = bias.at(part.batch, part.head) + part.row * bias.row + part.column;
  for_vectors<T>(Eight<T>(), part.rows, [&](auto d, int64_t i) HWY_ATTR {
    for (int64_t j = 0; j < part.columns; j += kSide<T>) {
      const T* from = terms + i * bias.row + j;
      fetch_rows(from, bias.row, hn::MaxLanes(d), j, scores.columns);
      add_transposed(d, from, bias.row, part.data + j * part.stride + i, part.stride);
    }
  });
#endif
  on_edges(scores, part, bias, [](T& score, T term) { score += term; });
}

template <class T>
void add_gradient(const Tile<T>& gradient, View<T> sums) {
  const Tile<T> part = squares(gradient, sums);
#if HWY_TARGET != HWY_SCALAR
  T* first = sums.at(part.batch, part.head) + part.row * sums.row + part.column;
  for (int64_t i = 0; i < part.rows; i += kSide<T>) {
    for_vectors<T>(hn::CappedTag<T, 64 / sizeof(T)>(), part.columns,
                   [&](auto d, int64_t j) HWY_ATTR {
                     T* to = first + i * sums.row + j;
                     fetch_rows(to, sums.row, kSide<T>, j, gradient.columns);
                     add_transposed(d, part.data + j * part.stride + i, part.stride, to, sums.row);
                   });
  }
#endif
  on_edges(gradient, part, sums, [](T& grad, T& sum) { sum += grad; });
}

/// The sum of n numbers side by side, at most kQueries.
template <class T>
HWY_INLINE double sum_of(const T* HWY_RESTRICT x, int64_t n) {
  const hn::CappedTag<T, kMaxLanes> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto parts = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) parts = hn::Add(parts, hn::LoadU(d, x + i));
  double sum = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, parts)));
  for (; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

/// sums += the gradient of a bias that the tile's queries share.
template <class T>
void add_over_queries(const Tile<T>& gradient, View<double> sums) {
  double* to = sums.at(gradient.batch, gradient.head) + gradient.column * sums.column;
  for (int64_t j = 0; j < gradient.columns; ++j, to += sums.column)
    *to += sum_of(gradient.data + j * gradient.stride, gradient.rows);
}

/// sums += the gradient of a bias that the tile's keys share, but not its queries.
template <class T>
void add_over_keys(const Tile<T>& gradient, View<double> sums) {
  constexpr int64_t kTogether = 8;  // keys that are added in T
  double* to = sums.at(gradient.batch, gradient.head) + gradient.row * sums.row;
  for (int64_t first = 0; first < gradient.columns; first += kTogether) {
    T some[kQueries] = {};
    for (int64_t j = first; j < HWY_MIN(first + kTogether, gradient.columns); ++j) {
      const T* key = gradient.data + j * gradient.stride;
      for (int64_t i = 0; i < gradient.rows; ++i) some[i] += key[i];
    }
    for (int64_t i = 0; i < gradient.rows; ++i) to[i * sums.row] += static_cast<double>(some[i]);
  }
}

template <class T>
void add_reduced(const Tile<T>& gradient, View<double> sums) {
  sums.row == 0 ? add_over_queries(gradient, sums) : add_over_keys(gradient, sums);
}

}  // namespace

void add_bias_float(const Tile<float>& s, View<const float> bias) { add_bias(s, bias); }
void add_bias_double(const Tile<double>& s, View<const double> bias) { add_bias(s, bias); }
void add_gradient_float(const Tile<float>& g, View<float> sums) { add_gradient(g, sums); }
void add_gradient_double(const Tile<double>& g, View<double> sums) { add_gradient(g, sums); }
void add_reduced_float(const Tile<float>& g, View<double> sums) { add_reduced(g, sums); }
void add_reduced_double(const Tile<double>& g, View<double> sums) { add_reduced(g, sums); }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(add_bias_float);
HWY_EXPORT(add_bias_double);
HWY_EXPORT(add_gradient_float);
HWY_EXPORT(add_gradient_double);
HWY_EXPORT(add_reduced_float);
HWY_EXPORT(add_reduced_double);

namespace {

constexpr int64_t kSharers = 32;  // of a number, that add to one piece: an error of some 3e-7

}  // namespace

template <class T>
void Bias<T>::begin_backward(int64_t) {
  if (!gradient_.data) return;
  const Sizes& n = sizes_;
  if (gradient_.row == 0 || gradient_.column == 0)
    return sums_.begin(gradient_, n.B, n.H, n.Lq, n.Lk);
  const int64_t pieces = divide_up(sharer(n.B - 1, n.H - 1) + 1, kSharers);
  if (pieces > 1) pieces_.begin(gradient_, n.B, n.H, n.Lq, n.Lk, pieces);
}

template <class T>
void Bias<T>::end_backward() {
  sums_.end(), pieces_.end();
}

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
  if (!gradient_.data) return;
  if (sums_.begun()) return HWY_DYNAMIC_DISPATCH(add_reduced_float)(gradient, sums_.view());
  const int64_t piece = sharer(gradient.batch, gradient.head) / kSharers;
  HWY_DYNAMIC_DISPATCH(add_gradient_float)
  (gradient, pieces_.begun() ? pieces_.view(piece) : gradient_);
}

template <>
void Bias<double>::backward(const Tile<double>&, const Tile<double>& gradient) const noexcept {
  if (!gradient_.data) return;
  if (sums_.begun()) return HWY_DYNAMIC_DISPATCH(add_reduced_double)(gradient, sums_.view());
  const int64_t piece = sharer(gradient.batch, gradient.head) / kSharers;
  HWY_DYNAMIC_DISPATCH(add_gradient_double)
  (gradient, pieces_.begun() ? pieces_.view(piece) : gradient_);
}

template class Bias<float>;
template class Bias<double>;

}  // namespace heed::kernels
#endif
