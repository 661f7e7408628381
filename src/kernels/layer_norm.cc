#include "kernels/layer_norm.h"

#include <vector>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/row_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// What makes z of a row: ((by x - mean) - rest) inverse.
template <class T>
struct RowCentre {
  T by = 1, mean = 0, rest = 0, inverse = 0;
};

/// The first mean is off by the rounding of its sum, so the rest of it is taken off what is left:
/// x - mean is exact where x is near. False where the variance of what is not `reduced` is not finite.
template <class T>
HWY_INLINE bool find_centre(const LayerNorm<T>& p, const T* x, bool reduced, RowCentre<T>& row) {
  const double count = static_cast<double>(std::max<int64_t>(p.n, 1));
  const auto load = [&](const auto& d, int64_t i)
                        HWY_ATTR { return hn::Mul(hn::LoadU(d, x + i), hn::Set(d, row.by)); };
  row.mean = static_cast<T>(sums_of<T>(p.n, load).terms / count);
  const Sums left = sums_of<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    return hn::Sub(load(d, i), hn::Set(d, row.mean));
  });
  const double rest = left.terms / count, variance = left.squares / count - rest * rest;
  if (!reduced && !std::isfinite(variance)) return false;
  const double by = static_cast<double>(row.by);
  const double epsilon = static_cast<double>(p.epsilon) * by * by;
  // Beside large numbers epsilon may be nothing: equal ones are 0, not 0 / 0.
  const bool equal = reduced && !(variance > 0);
  row.rest = static_cast<T>(rest);
  row.inverse = equal ? 0 : static_cast<T>(1 / std::sqrt((variance < 0 ? 0 : variance) + epsilon));
  return true;
}

/// Where a sum or a square overflows, or a number is not finite, the row is taken again.
template <class T>
HWY_INLINE RowCentre<T> centre_of(const LayerNorm<T>& p, const T* x) {
  RowCentre<T> row;
  if (find_centre(p, x, false, row)) return row;
  row.by = reduction_of(x, p.n);
  find_centre(p, x, true, row);
  return row;
}

template <class T, class D>
HWY_INLINE hn::Vec<D> normalised(D d, const T* x, const RowCentre<T>& row) {
  const auto centred = hn::Sub(hn::Mul(hn::LoadU(d, x), hn::Set(d, row.by)), hn::Set(d, row.mean));
  return hn::Mul(hn::Sub(centred, hn::Set(d, row.rest)), hn::Set(d, row.inverse));
}

template <class T>
HWY_INLINE void norm_any_row(const LayerNorm<T>& p, int64_t row) {
  const T* x = p.x + row * p.n;
  T* y = p.y + row * p.n;
  const RowCentre<T> centre = centre_of(p, x);
  at_each<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    auto v = normalised(d, x + i, centre);
    if (p.scale) v = hn::Mul(v, hn::LoadU(d, p.scale + i));
    if (p.shift) v = hn::Add(v, hn::LoadU(d, p.shift + i));
    hn::StoreU(v, d, y + i);
  });
}

/// One row's gradient; g z and g are added to the sums that there are.
template <class T>
HWY_INLINE void norm_back_row(const LayerNormGradient<T>& p, int64_t row, T* of_scale,
                              T* of_shift) {
  const int64_t n = p.forward.n;
  const T *x = p.forward.x + row * n, *g = p.g + row * n, *scale = p.forward.scale;
  const RowCentre<T> centre = centre_of(p.forward, x);
  const auto h = [&](const auto& d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, g + i);
    return scale ? hn::Mul(v, hn::LoadU(d, scale + i)) : v;
  };
  const auto add = [&](const auto& d, auto v, T* sum)
                       HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, sum), v), d, sum); };
  if (of_scale || of_shift)
    at_each<T>(n, [&](const auto& d, int64_t i) HWY_ATTR {
      const auto v = hn::LoadU(d, g + i);
      if (of_scale) add(d, hn::Mul(v, normalised(d, x + i, centre)), of_scale + i);
      if (of_shift) add(d, v, of_shift + i);
    });
  if (!p.of_x) return;
  const double count = static_cast<double>(std::max<int64_t>(n, 1));
  const T mean = static_cast<T>(sums_of<T>(n, h).terms / count);
  const T along = static_cast<T>(
      sums_of<T>(n, [&](const auto& d, int64_t i)
                        HWY_ATTR { return hn::Mul(h(d, i), normalised(d, x + i, centre)); })
          .terms /
      count);
  T* to = p.of_x + row * n;
  const T factor = centre.inverse * centre.by;
  at_each<T>(n, [&](const auto& d, int64_t i) HWY_ATTR {
    const auto rest = hn::NegMulAdd(normalised(d, x + i, centre), hn::Set(d, along),
                                    hn::Sub(h(d, i), hn::Set(d, mean)));
    hn::StoreU(hn::Mul(rest, hn::Set(d, factor)), d, to + i);
  });
}

void norm_row_float(const LayerNorm<float>& p, int64_t row) { norm_any_row(p, row); }
void norm_row_double(const LayerNorm<double>& p, int64_t row) { norm_any_row(p, row); }
void norm_back_row_float(const LayerNormGradient<float>& p, int64_t row, float* of_scale,
                         float* of_shift) {
  norm_back_row(p, row, of_scale, of_shift);
}
void norm_back_row_double(const LayerNormGradient<double>& p, int64_t row, double* of_scale,
                          double* of_shift) {
  norm_back_row(p, row, of_scale, of_shift);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(norm_row_float);
HWY_EXPORT(norm_row_double);
HWY_EXPORT(norm_back_row_float);
HWY_EXPORT(norm_back_row_double);

/// Rows of a task: by the width alone.
int64_t norm_rows_together(int64_t n) { return items_per_task(20.0 * static_cast<double>(n)); }

template <class T, class Row>
void by_rows(const LayerNorm<T>& p, const Row& row) {
  const int64_t each = norm_rows_together(p.n);
  parallel_for(divide_up(p.rows, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, p.rows); ++i) row(p, i);
  });
}

/// Each task adds its own rows up; then the sums of the tasks are added in order.
template <class T, class Row>
void back_by_rows(const LayerNormGradient<T>& p, const Row& row) {
  const int64_t n = p.forward.n, rows = p.forward.rows, each = norm_rows_together(n);
  const int64_t tasks = divide_up(rows, each);
  const bool sums = p.of_scale || p.of_shift;
  std::vector<T> parts(sums ? static_cast<size_t>(2 * tasks * n) : 0);
  parallel_for(tasks, [&](int64_t task) {
    T* part = parts.data() + 2 * task * n;
    for (int64_t i = task * each; i < std::min((task + 1) * each, rows); ++i)
      row(p, i, p.of_scale ? part : nullptr, p.of_shift ? part + n : nullptr);
  });
  const auto join = [&](T* to, int64_t first) {
    for (int64_t j = 0; to && j < n; ++j) {
      double all = 0;
      for (int64_t task = 0; task < tasks; ++task)
        all += parts[static_cast<size_t>(2 * task * n + first + j)];
      to[j] = static_cast<T>(all);
    }
  };
  join(p.of_scale, 0), join(p.of_shift, n);
}

}  // namespace

void layer_norm_backward(const LayerNormGradient<float>& p) {
  back_by_rows(p, HWY_DYNAMIC_DISPATCH(norm_back_row_float));
}
void layer_norm_backward(const LayerNormGradient<double>& p) {
  back_by_rows(p, HWY_DYNAMIC_DISPATCH(norm_back_row_double));
}

void layer_norm(const LayerNorm<float>& p) { by_rows(p, HWY_DYNAMIC_DISPATCH(norm_row_float)); }
void layer_norm(const LayerNorm<double>& p) { by_rows(p, HWY_DYNAMIC_DISPATCH(norm_row_double)); }

}  // namespace heed::kernels
#endif
