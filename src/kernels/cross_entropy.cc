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

constexpr int64_t kSumBlock = 512;  // numbers that are added in T before double takes their sum
constexpr int64_t kRowsAtOnce = 8;  // of sum_columns

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
  const auto e = exp_tile(d, x);
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
  const double at_label = static_cast<double>(x[label]) - static_cast<double>(max);
  const bool first = is_first_largest(x, label, max);
  const RowSums sums =
      e > 0 ? (gradient ? row_sums<true, true>(x, n, max) : row_sums<false, true>(x, n, max))
            : (gradient ? row_sums<true, false>(x, n, max) : row_sums<false, false>(x, n, max));
  const double log_sum = std::log(sums.powers);
  all.nll[i] = log_sum - at_label;
  all.loss[i] = e < 1 ? (1 - e) * all.nll[i] : 0;  // 0 times infinity would be NaN
  if (e > 0) all.loss[i] += e * (log_sum - sums.above / double(n));
  all.right[i] = first && !std::isnan(sums.powers);
  if (!gradient) return;
  scale_row(x, n, static_cast<T>(1 / sums.powers), static_cast<T>(e / double(n)));
  x[label] -= static_cast<T>(1 - e);
}

/// The sum of a column's numbers in kRowsAtOnce rows from `at` on: each goes through three
/// additions, however many rows there are.
template <class D, class T>
HWY_INLINE hn::Vec<D> sum_of_rows(D d, const T* HWY_RESTRICT at, int64_t V) {
  const auto two = [&](int64_t r) HWY_ATTR {
    return hn::Add(hn::LoadU(d, at + r * V), hn::LoadU(d, at + (r + 1) * V));
  };
  return hn::Add(hn::Add(two(0), two(2)), hn::Add(two(4), two(6)));
}

/// to += x, in double.
template <class D, class V>
HWY_INLINE void add_in_double(D, V x, double* HWY_RESTRICT to) {
  const hn::Rebind<double, D> wide;
  if constexpr (sizeof(hn::TFromD<D>) == 8)
    hn::StoreU(hn::Add(hn::LoadU(wide, to), x), wide, to);
  else
    hn::StoreU(hn::Add(hn::LoadU(wide, to), hn::PromoteTo(wide, x)), wide, to);
}

template <class T>
void sum_columns(int64_t rows, int64_t V, int64_t first, int64_t count, const T* HWY_RESTRICT x,
                 double* HWY_RESTRICT sums) {
  // As many numbers as a vector of double has.
  const hn::Rebind<T, hn::ScalableTag<double>> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto add = [&](auto tag, int64_t i, int64_t j, bool many) HWY_ATTR {
    const T* at = x + i * V + first + j;
    add_in_double(tag, many ? sum_of_rows(tag, at, V) : hn::LoadU(tag, at), sums + first + j);
  };
  for (int64_t i = 0; i < rows;) {
    const bool many = i + kRowsAtOnce <= rows;
    int64_t j = 0;
    for (; j + lanes <= count; j += lanes) add(d, i, j, many);
    for (; j < count; ++j) add(one, i, j, many);
    i += many ? kRowsAtOnce : 1;
  }
}

void loss_row_float(const LossRows<float>& all, int64_t i, bool gradient) {
  loss_row(all, i, gradient);
}
void loss_row_double(const LossRows<double>& all, int64_t i, bool gradient) {
  loss_row(all, i, gradient);
}
void sum_columns_float(int64_t rows, int64_t V, int64_t first, int64_t count, const float* x,
                       double* sums) {
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
void add_rows(int64_t rows, int64_t V, const float* x, double* sums) {
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
