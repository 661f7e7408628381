#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// sum of f(tag, place) over the places of a row, whole vectors and then one by one.
template <class T, class F>
HWY_INLINE T sum_of(int64_t n, const F& f) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = hn::Add(a, f(d, i));
    b = hn::Add(b, f(d, i + lanes));
  }
  T sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; i < n; ++i) sum += hn::GetLane(f(one, i));
  return sum;
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

template <class T>
HWY_INLINE void norm_row(const LayerNorm<T>& p, int64_t row) {
  const T* x = p.x + row * p.n;
  T* y = p.y + row * p.n;
  const auto count = static_cast<T>(std::max<int64_t>(p.n, 1));
  const auto load = [](const auto& d, const T* from) HWY_ATTR { return hn::LoadU(d, from); };
  const T mean =
      sum_of<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR { return load(d, x + i); }) / count;
  const auto centred = [&](const auto& d, int64_t i)
                           HWY_ATTR { return hn::Sub(load(d, x + i), hn::Set(d, mean)); };
  const T squares = sum_of<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    const auto v = centred(d, i);
    return hn::Mul(v, v);
  });
  const T inverse = 1 / std::sqrt(squares / count + p.epsilon);
  at_each<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    auto v = hn::Mul(centred(d, i), hn::Set(d, inverse));
    if (p.scale) v = hn::Mul(v, load(d, p.scale + i));
    if (p.shift) v = hn::Add(v, load(d, p.shift + i));
    hn::StoreU(v, d, y + i);
  });
}

void norm_row_float(const LayerNorm<float>& p, int64_t row) { norm_row(p, row); }
void norm_row_double(const LayerNorm<double>& p, int64_t row) { norm_row(p, row); }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(norm_row_float);
HWY_EXPORT(norm_row_double);

template <class T, class Row>
void by_rows(const LayerNorm<T>& p, const Row& row) {
  const int64_t each = items_per_task(20.0 * static_cast<double>(p.n));
  parallel_for(divide_up(p.rows, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, p.rows); ++i) row(p, i);
  });
}

}  // namespace

void layer_norm(const LayerNorm<float>& p) { by_rows(p, HWY_DYNAMIC_DISPATCH(norm_row_float)); }
void layer_norm(const LayerNorm<double>& p) { by_rows(p, HWY_DYNAMIC_DISPATCH(norm_row_double)); }

}  // namespace heed::kernels
#endif
