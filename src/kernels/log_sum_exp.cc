#include "kernels/log_sum_exp.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/log_sum_exp.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/blocks.h"
#include "kernels/exp2-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kSumBlock = 512;  // numbers that are added in T before double takes their sum

/// The largest of each block, and of all: NaN where there is one.
template <class T>
HWY_INLINE T largest_of(const T* HWY_RESTRICT x, int64_t n, T* HWY_RESTRICT blocks) {
  const hn::CappedTag<T, kMaxLanes> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto least = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto most = least, sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + kNeighbours <= n; i += kNeighbours) {
    auto here = least;
    for (int64_t j = i; j < i + kNeighbours; j += lanes) {
      const auto v = hn::LoadU(d, x + j);
      here = hn::IfThenElse(hn::Gt(v, here), v, here);
      sum = hn::IfThenElse(hn::IsNaN(v), v, sum);
    }
    *blocks++ = hn::GetLane(hn::MaxOfLanes(d, here));
    most = hn::Max(most, here);
  }
  T result = hn::GetLane(hn::MaxOfLanes(d, most));
  bool nan = !hn::AllFalse(d, hn::IsNaN(sum));
  if (i == n) return nan ? std::numeric_limits<T>::quiet_NaN() : result;
  *blocks = -std::numeric_limits<T>::infinity();
  for (; i < n; ++i) {
    if (x[i] > *blocks) *blocks = x[i];
    nan |= x[i] != x[i];
  }
  result = std::max(result, *blocks);
  return nan ? std::numeric_limits<T>::quiet_NaN() : result;
}

template <class T>
HWY_INLINE double row_sum(const T* HWY_RESTRICT x, int64_t n, T* HWY_RESTRICT blocks) {
  const T most = largest_of(x, n, blocks);
  if (most == -std::numeric_limits<T>::infinity()) return static_cast<double>(most);
  if (!std::isfinite(most)) return std::numeric_limits<double>::quiet_NaN();
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto power = [&](const auto& tag, const T* from) HWY_ATTR {
    return exp_tile(tag, hn::Sub(hn::LoadU(tag, from), hn::Set(tag, most)));
  };
  double sum = 0;
  int64_t i = 0;
  while (i + 2 * lanes <= n) {
    const int64_t end = std::min(n, i + kSumBlock);
    auto a = hn::Zero(d), b = a;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      a = hn::Add(a, power(d, x + i));
      b = hn::Add(b, power(d, x + i + lanes));
    }
    sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))));
  }
  for (; i < n; ++i) sum += static_cast<double>(hn::GetLane(power(one, x + i)));
  return static_cast<double>(most) + std::log(sum);
}

double row_float(const float* x, int64_t n, float* blocks) { return row_sum(x, n, blocks); }
double row_double(const double* x, int64_t n, double* blocks) { return row_sum(x, n, blocks); }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(row_float);
HWY_EXPORT(row_double);

void log_sum_exp(const float* x, int64_t rows, int64_t n, double* result, float* largest) {
  const int64_t blocks = divide_up(n, kNeighbours);
  parallel_for(rows, [&](int64_t i) {
    result[i] = HWY_DYNAMIC_DISPATCH(row_float)(x + i * n, n, largest + i * blocks);
  });
}

void log_sum_exp(const double* x, int64_t rows, int64_t n, double* result, double* largest) {
  const int64_t blocks = divide_up(n, kNeighbours);
  parallel_for(rows, [&](int64_t i) {
    result[i] = HWY_DYNAMIC_DISPATCH(row_double)(x + i * n, n, largest + i * blocks);
  });
}

}  // namespace heed::kernels
#endif
