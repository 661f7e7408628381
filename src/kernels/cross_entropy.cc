// A row of logits is read for its largest, then once more for the sum of its exponentials, which
// with a gradient replace it, and a third time to scale them: 16 instructions a vector, from the
// first-level or second-level cache for up to some 100 000 classes. The product that makes the row
// costs M multiply-adds for each.
#include "kernels/cross_entropy.h"

#include <cmath>
#include <limits>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/exp2-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kSumBlock = 2048;  // numbers that are added in T before double takes their sum

/// The largest of x[0 .. n); any number where one is NaN.
template <class T>
T largest(const T* HWY_RESTRICT x, int64_t n) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  T best = -std::numeric_limits<T>::infinity();
  int64_t j = 0;
  if (n >= 4 * lanes) {
    auto a = hn::Set(d, best), b = a, c = a, e = a;
    for (; j + 4 * lanes <= n; j += 4 * lanes) {
      a = hn::Max(a, hn::LoadU(d, x + j));
      b = hn::Max(b, hn::LoadU(d, x + j + lanes));
      c = hn::Max(c, hn::LoadU(d, x + j + 2 * lanes));
      e = hn::Max(e, hn::LoadU(d, x + j + 3 * lanes));
    }
    best = hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(a, b), hn::Max(c, e))));
  }
  for (; j < n; ++j) best = x[j] > best ? x[j] : best;
  return best;
}

struct RowSums {
  double powers = 0;  ///< of exp(x - max)
  double above = 0;   ///< of x - max
};

/// One vector: its exponentials, which it stores if asked, and its distances from the maximum.
template <bool kStore, bool kAll, class D, class V>
HWY_INLINE void sum_step(D d, hn::TFromD<D>* at, V max, V& powers, V& above) {
  const auto x = hn::Sub(hn::LoadU(d, at), max);
  const auto e = exp2_tile(d, hn::Mul(x, hn::Set(d, hn::TFromD<D>(1.4426950408889634))));
  powers = hn::Add(powers, e);
  if constexpr (kAll) above = hn::Add(above, x);
  if constexpr (kStore) hn::StoreU(e, d, at);
}

/// kStore: exp(x - max) takes the place of x. kAll: the sum of x - max is wanted.
template <bool kStore, bool kAll, class T>
HWY_NOINLINE RowSums row_sums(T* HWY_RESTRICT x, int64_t n, T max) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto top = hn::Set(d, max);
  RowSums sums;
  int64_t j = 0;
  while (j + 2 * lanes <= n) {
    const int64_t end = HWY_MIN(n, j + kSumBlock);
    auto p0 = hn::Zero(d), p1 = p0, a0 = p0, a1 = p0;
    for (; j + 2 * lanes <= end; j += 2 * lanes) {
      sum_step<kStore, kAll>(d, x + j, top, p0, a0);
      sum_step<kStore, kAll>(d, x + j + lanes, top, p1, a1);
    }
    sums.powers += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(p0, p1))));
    if (kAll) sums.above += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(a0, a1))));
  }
  const auto top1 = hn::Set(one, max);
  for (; j < n; ++j) {
    auto p = hn::Zero(one), a = p;
    sum_step<kStore, kAll>(one, x + j, top1, p, a);
    sums.powers += static_cast<double>(hn::GetLane(p));
    if (kAll) sums.above += static_cast<double>(hn::GetLane(a));
  }
  return sums;
}

/// x = x scale - minus.
template <class T>
void scale_row(T* HWY_RESTRICT x, int64_t n, T scale, T minus) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, scale), less = hn::Set(d, minus);
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes)
    hn::StoreU(hn::MulSub(hn::LoadU(d, x + j), factor, less), d, x + j);
  for (; j < n; ++j) x[j] = x[j] * scale - minus;
}

template <class T>
bool is_first_largest(const T* x, int64_t label, T max) {
  if (!(x[label] == max)) return false;
  for (int64_t j = 0; j < label; ++j)
    if (x[j] == max) return false;
  return true;
}

template <class T>
void loss_row(const LossRows<T>& all, int64_t i, bool gradient) {
  T* x = all.logits + i * all.V;
  const int64_t n = all.V, label = all.labels[i];
  const double e = all.smoothing;
  const T max = largest(x, n);
  const double at_label = static_cast<double>(x[label] - max);
  const bool first = is_first_largest(x, label, max);
  const RowSums sums =
      e > 0 ? (gradient ? row_sums<true, true>(x, n, max) : row_sums<false, true>(x, n, max))
            : (gradient ? row_sums<true, false>(x, n, max) : row_sums<false, false>(x, n, max));
  const double log_sum = std::log(sums.powers);
  all.nll[i] = log_sum - at_label;
  all.loss[i] = all.nll[i];
  if (e > 0) all.loss[i] = (1 - e) * all.nll[i] + e * (log_sum - sums.above / double(n));
  all.right[i] = first && !std::isnan(sums.powers);
  if (!gradient) return;
  scale_row(x, n, static_cast<T>(1 / sums.powers), static_cast<T>(e / double(n)));
  x[label] -= static_cast<T>(1 - e);
}

template <class T>
void sum_columns(int64_t rows, int64_t V, int64_t first, int64_t count, const T* HWY_RESTRICT x,
                 T* HWY_RESTRICT sums) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = x + i * V + first;
    int64_t j = 0;
    for (; j + lanes <= count; j += lanes)
      hn::StoreU(hn::Add(hn::LoadU(d, sums + first + j), hn::LoadU(d, row + j)), d,
                 sums + first + j);
    for (; j < count; ++j) sums[first + j] += row[j];
  }
}

void loss_row_float(const LossRows<float>& all, int64_t i, bool gradient) {
  loss_row(all, i, gradient);
}
void loss_row_double(const LossRows<double>& all, int64_t i, bool gradient) {
  loss_row(all, i, gradient);
}
void sum_columns_float(int64_t rows, int64_t V, int64_t first, int64_t count, const float* x,
                       float* sums) {
  sum_columns(rows, V, first, count, x, sums);
}
void sum_columns_double(int64_t rows, int64_t V, int64_t first, int64_t count, const double* x,
                        double* sums) {
  sum_columns(rows, V, first, count, x, sums);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(loss_row_float);
HWY_EXPORT(loss_row_double);
HWY_EXPORT(sum_columns_float);
HWY_EXPORT(sum_columns_double);

namespace {

constexpr int64_t kColumns = 512;  // of a task of add_rows

/// body(first, end) for pieces of `size`.
template <class Body>
void by_pieces(int64_t count, int64_t size, const Body& body) {
  parallel_for((count + size - 1) / size,
               [&](int64_t task) { body(task * size, HWY_MIN(count, (task + 1) * size)); });
}

/// Rows of a task: some 64 KiB numbers, so that handing out tasks costs nothing beside them.
int64_t rows_of_task(int64_t V) { return HWY_MAX(int64_t{1}, (int64_t{1} << 16) / V); }

}  // namespace

template <>
void cross_entropy_rows(const LossRows<float>& rows, bool gradient) {
  by_pieces(rows.rows, rows_of_task(rows.V), [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) HWY_DYNAMIC_DISPATCH(loss_row_float)(rows, i, gradient);
  });
}

template <>
void cross_entropy_rows(const LossRows<double>& rows, bool gradient) {
  by_pieces(rows.rows, rows_of_task(rows.V), [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) HWY_DYNAMIC_DISPATCH(loss_row_double)(rows, i, gradient);
  });
}

template <>
void add_rows(int64_t rows, int64_t V, const float* x, float* sums) {
  by_pieces(V, kColumns, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(sum_columns_float)(rows, V, first, end - first, x, sums);
  });
}

template <>
void add_rows(int64_t rows, int64_t V, const double* x, double* sums) {
  by_pieces(V, kColumns, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(sum_columns_double)(rows, V, first, end - first, x, sums);
  });
}

}  // namespace heed::kernels
#endif
