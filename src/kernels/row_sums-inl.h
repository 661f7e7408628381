// Sums over the places of a row, for the norms of rows.

#if defined(HEED_KERNELS_ROW_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ROW_SUMS_INL_H_
#undef HEED_KERNELS_ROW_SUMS_INL_H_
#else
#define HEED_KERNELS_ROW_SUMS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kSumBlock = 512;  // numbers that are added in T before double takes their sum

struct Sums {
  double terms = 0, squares = 0;
};

/// The sums of f(tag, place) and of its square over the places of a row.
template <class T, class F>
HWY_INLINE Sums sums_of(int64_t n, const F& f) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Sums sums;
  int64_t i = 0;
  while (i + 2 * lanes <= n) {
    const int64_t end = std::min(n, i + kSumBlock);
    auto a = hn::Zero(d), b = a, aa = a, bb = a;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      const auto v = f(d, i), w = f(d, i + lanes);
      a = hn::Add(a, v), b = hn::Add(b, w);
      aa = hn::MulAdd(v, v, aa), bb = hn::MulAdd(w, w, bb);
    }
    sums.terms += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))));
    sums.squares += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(aa, bb))));
  }
  for (; i < n; ++i) {
    const auto v = static_cast<double>(hn::GetLane(f(one, i)));
    sums.terms += v, sums.squares += v * v;
  }
  return sums;
}

/// f(tag, place) for whole vectors of a row, and then one by one.
template <class T, class F>
HWY_INLINE void at_each(int64_t n, const F& f) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(one, i);
}

/// The power of two that brings the largest number of a row to 2 .. 4; NaN where one is not finite.
template <class T>
HWY_NOINLINE T reduction_of(const T* x, int64_t n) {
  T largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return std::numeric_limits<T>::quiet_NaN();
    largest = std::max(largest, std::abs(x[i]));
  }
  return std::ldexp(T{1}, 1 - std::ilogb(largest));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
