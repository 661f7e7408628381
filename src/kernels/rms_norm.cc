#include "kernels/rms_norm.h"

#include <vector>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rms_norm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/row_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// z = (x by) inverse: `by` is 1 but where a square overflows.
template <class T>
struct RowScale {
  T by, inverse;
};

template <class T>
HWY_INLINE RowScale<T> scale_of(const RmsNorm<T>& p, const T* x) {
  const double count = static_cast<double>(std::max<int64_t>(p.n, 1));
  const auto mean_square = [&](T by) HWY_ATTR {
    return sums_of<T>(p.n, [&](const auto& d, int64_t i)
                               HWY_ATTR { return hn::Mul(hn::LoadU(d, x + i), hn::Set(d, by)); })
               .squares /
           count;
  };
  T by = 1;
  double mean = mean_square(by);
  if (!std::isfinite(mean)) by = reduction_of(x, p.n), mean = mean_square(by);
  const double least = p.epsilon * static_cast<double>(by) * static_cast<double>(by);
  // A row of zeros stays one without an epsilon, too; NaN is none.
  const bool zero = mean + least == 0;
  return {by, zero ? T{0} : static_cast<T>(1 / std::sqrt(mean + least))};
}

template <class T>
HWY_INLINE void rms_row(const RmsNorm<T>& p, int64_t row) {
  const T* x = p.x + row * p.n;
  T* y = p.y + row * p.n;
  const auto scale = scale_of(p, x);
  at_each<T>(p.n, [&](const auto& d, int64_t i) HWY_ATTR {
    const auto z =
        hn::Mul(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale.by)), hn::Set(d, scale.inverse));
    hn::StoreU(hn::Mul(z, hn::LoadU(d, p.scale + i)), d, y + i);
  });
}

/// One row's gradient; g z is added to `sum`, if there is one.
template <class T>
HWY_INLINE void row_back(const RmsNormGradient<T>& p, int64_t row, T* sum) {
  const int64_t n = p.forward.n;
  const T *x = p.forward.x + row * n, *g = p.g + row * n;
  const auto scale = scale_of(p.forward, x);
  const auto z = [&](const auto& d, int64_t i) HWY_ATTR {
    return hn::Mul(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale.by)), hn::Set(d, scale.inverse));
  };
  const auto h = [&](const auto& d, int64_t i) HWY_ATTR {
    return hn::Mul(hn::LoadU(d, g + i), hn::LoadU(d, p.forward.scale + i));
  };
  if (sum)
    at_each<T>(n, [&](const auto& d, int64_t i) HWY_ATTR {
      hn::StoreU(hn::MulAdd(hn::LoadU(d, g + i), z(d, i), hn::LoadU(d, sum + i)), d, sum + i);
    });
  if (!p.of_x) return;
  T* to = p.of_x + row * n;
  const double along = sums_of<T>(n, [&](const auto& d, int64_t i) HWY_ATTR {
                         return hn::Mul(h(d, i), z(d, i));
                       }).terms;
  const T mean = static_cast<T>(along / static_cast<double>(std::max<int64_t>(n, 1)));
  const T inverse = scale.inverse * scale.by;
  at_each<T>(n, [&](const auto& d, int64_t i) HWY_ATTR {
    const auto rest = hn::NegMulAdd(z(d, i), hn::Set(d, mean), h(d, i));
    hn::StoreU(hn::Mul(rest, hn::Set(d, inverse)), d, to + i);
  });
}

void rms_row_float(const RmsNorm<float>& p, int64_t row) { rms_row(p, row); }
void rms_row_double(const RmsNorm<double>& p, int64_t row) { rms_row(p, row); }
void rms_back_float(const RmsNormGradient<float>& p, int64_t row, float* sum) {
  row_back(p, row, sum);
}
void rms_back_double(const RmsNormGradient<double>& p, int64_t row, double* sum) {
  row_back(p, row, sum);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(rms_row_float);
HWY_EXPORT(rms_row_double);
HWY_EXPORT(rms_back_float);
HWY_EXPORT(rms_back_double);

/// Rows of a task: by the width alone.
int64_t rows_together(int64_t n) { return items_per_task(20.0 * static_cast<double>(n)); }

template <class T, class Row>
void rms_by_rows(const RmsNorm<T>& p, const Row& row) {
  const int64_t each = rows_together(p.n);
  parallel_for(divide_up(p.rows, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, p.rows); ++i) row(p, i);
  });
}

/// Each task adds its own rows up; then the sums of the tasks are added in order.
template <class T, class Row>
void rms_back_by_rows(const RmsNormGradient<T>& p, const Row& row) {
  const int64_t n = p.forward.n, rows = p.forward.rows, each = rows_together(n);
  const int64_t tasks = divide_up(rows, each);
  std::vector<T> sums(p.of_scale ? static_cast<size_t>(tasks * n) : 0);
  parallel_for(tasks, [&](int64_t task) {
    T* sum = p.of_scale ? sums.data() + task * n : nullptr;
    for (int64_t i = task * each; i < std::min((task + 1) * each, rows); ++i) row(p, i, sum);
  });
  for (int64_t j = 0; p.of_scale && j < n; ++j) {
    double all = 0;
    for (int64_t task = 0; task < tasks; ++task) all += sums[static_cast<size_t>(task * n + j)];
    p.of_scale[j] = static_cast<T>(all);
  }
}

}  // namespace

void rms_norm(const RmsNorm<float>& p) { rms_by_rows(p, HWY_DYNAMIC_DISPATCH(rms_row_float)); }
void rms_norm(const RmsNorm<double>& p) { rms_by_rows(p, HWY_DYNAMIC_DISPATCH(rms_row_double)); }
void rms_norm_backward(const RmsNormGradient<float>& p) {
  rms_back_by_rows(p, HWY_DYNAMIC_DISPATCH(rms_back_float));
}
void rms_norm_backward(const RmsNormGradient<double>& p) {
  rms_back_by_rows(p, HWY_DYNAMIC_DISPATCH(rms_back_double));
}

}  // namespace heed::kernels
#endif
