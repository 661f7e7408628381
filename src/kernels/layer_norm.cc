#include "kernels/layer_norm.h"

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/row_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The first mean is off by the rounding of its sum, so the rest of it is taken off what is left:
/// x - mean is exact where x is near. kReduced: of `by` x in place of x. False where the variance
/// is not finite; then nothing was written.
template <bool kReduced, class T>
HWY_INLINE bool norm_row(const LayerNorm<T>& p, int64_t row, T by) {
  const T* x = p.x + row * p.n;
  T* y = p.y + row * p.n;
  const double count = static_cast<double>(std::max<int64_t>(p.n, 1));
  const auto load = [&](const auto& d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    return kReduced ? hn::Mul(v, hn::Set(d, by)) : v;
  };
  const T mean = static_cast<T>(sums_of<T>(p.n, load).terms / count);
  const auto centred = [&](const auto& d, int64_t i)
                           HWY_ATTR { return hn::Sub(load(d, i), hn::Set(d, mean)); };
  const Sums left = sums_of<T>(p.n, centred);
  const double rest = left.terms / count, variance = left.squares / count - rest * rest;
  if (!kReduced && !std::isfinite(variance)) return false;
  const double epsilon = static_cast<double>(p.epsilon) * static_cast<double>(by) * by;
  // Beside large numbers epsilon may be nothing: equal ones are 0, not 0 / 0.
  const bool equal = kReduced && !(variance > 0);
  const T inverse =
      equal ? 0 : static_cast<T>(1 / std::sqrt((variance < 0 ? 0 : variance) + epsilon));
  const T rest_of_mean = static_cast<T>(rest);
  at_each<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    auto v = hn::Mul(hn::Sub(centred(d, i), hn::Set(d, rest_of_mean)), hn::Set(d, inverse));
    if (p.scale) v = hn::Mul(v, hn::LoadU(d, p.scale + i));
    if (p.shift) v = hn::Add(v, hn::LoadU(d, p.shift + i));
    hn::StoreU(v, d, y + i);
  });
  return true;
}

/// Where a sum or a square overflows, or a number is not finite, the row is taken again.
template <class T>
HWY_INLINE void norm_any_row(const LayerNorm<T>& p, int64_t row) {
  if (!norm_row<false>(p, row, T{1})) norm_row<true>(p, row, reduction_of(p.x + row * p.n, p.n));
}

void norm_row_float(const LayerNorm<float>& p, int64_t row) { norm_any_row(p, row); }
void norm_row_double(const LayerNorm<double>& p, int64_t row) { norm_any_row(p, row); }

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
