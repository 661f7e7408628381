// Functions of single numbers, vector by vector.

#if defined(HEED_KERNELS_FUNCTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_FUNCTION_INL_H_
#undef HEED_KERNELS_FUNCTION_INL_H_
#else
#define HEED_KERNELS_FUNCTION_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>

#include "kernels/blocks.h"
#include "kernels/function.h"
#include "kernels/tanh-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// P(X <= x) - 1/2 of a standard normal X: x P(x^2) / Q(x^2) with the polynomials of degree 5 that
/// have the least largest relative error over 0 .. 5.5 (1.7e-8), cut at 1/2, which the quotient
/// reaches at 5.2. Relative error 3.1e-7.
template <class D, class V>
HWY_INLINE V normal_probability(D d, V x) {
  const V z = at_most(d, hn::Mul(x, x), 5.5f * 5.5f);
  V p = hn::MulAdd(hn::Set(d, 2.29755781e-8f), z, hn::Set(d, 6.29109282e-6f));
  V q = hn::MulAdd(hn::Set(d, 1.1995428e-6f), z, hn::Set(d, 7.18435303e-5f));
  p = hn::MulAdd(p, z, hn::Set(d, 1.63632942e-4f));
  q = hn::MulAdd(q, z, hn::Set(d, 1.8553608e-3f));
  p = hn::MulAdd(p, z, hn::Set(d, 4.64575771e-3f));
  q = hn::MulAdd(q, z, hn::Set(d, 2.83649685e-2f));
  p = hn::MulAdd(p, z, hn::Set(d, 3.33710727e-2f));
  q = hn::MulAdd(q, z, hn::Set(d, 2.50315366e-1f));
  p = hn::MulAdd(p, z, hn::Set(d, 3.9894228e-1f));
  q = hn::MulAdd(q, z, hn::Set(d, 1.0f));
  return at_least(d, at_most(d, hn::Div(hn::Mul(x, p), q), 0.5f), -0.5f);
}

/// 1 / (1 + e^-x) by e^-|x|, which cannot overflow.
template <class D, class V>
HWY_INLINE V sigmoid_tile(D d, V x) {
  const V one = hn::Set(d, 1.0f), e = exp_tile(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

inline constexpr double kGeluInner = 0.7978845608028654;  // sqrt(2 / pi)
inline constexpr double kGeluCube = 0.044715;
inline constexpr double kQuickGelu = 1.702;

/// f of float32.
template <Function kFunction, class D, class V>
HWY_INLINE V function_tile(D d, V x) {
  using F = Function;
  if constexpr (kFunction == F::relu) return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
  if constexpr (kFunction == F::gelu)
    return hn::Mul(x, hn::Add(hn::Set(d, 0.5f), normal_probability(d, x)));
  if constexpr (kFunction == F::gelu_tanh) {
    const V half = hn::Mul(x, hn::Set(d, 0.5f));
    const V cube = hn::Mul(hn::Mul(x, x), hn::Mul(x, hn::Set(d, static_cast<float>(kGeluCube))));
    const V inner = hn::Mul(hn::Add(x, cube), hn::Set(d, static_cast<float>(kGeluInner)));
    return hn::Mul(half, hn::Add(hn::Set(d, 1.0f), tanh_tile(d, inner)));
  }
  if constexpr (kFunction == F::silu) return hn::Mul(x, sigmoid_tile(d, x));
  if constexpr (kFunction == F::quick_gelu)
    return hn::Mul(x, sigmoid_tile(d, hn::Mul(x, hn::Set(d, static_cast<float>(kQuickGelu)))));
  if constexpr (kFunction == F::sigmoid) return sigmoid_tile(d, x);
  if constexpr (kFunction == F::tanh) return tanh_tile(d, x);
  if constexpr (kFunction == F::none) return x;
}

/// f of float64.
template <Function kFunction>
double function_of(double x) {
  using F = Function;
  switch (kFunction) {
    case F::none:
      return x;
    case F::relu:
      return x < 0 ? 0 : x;
    case F::gelu:
      return x * 0.5 * (1 + std::erf(x * std::sqrt(0.5)));
    case F::gelu_tanh:
      return x * 0.5 * (1 + std::tanh(kGeluInner * (x + kGeluCube * x * x * x)));
    case F::silu:
      return x / (1 + std::exp(-x));
    case F::quick_gelu:
      return x / (1 + std::exp(-kQuickGelu * x));
    case F::sigmoid:
      return 1 / (1 + std::exp(-x));
    case F::tanh:
      return std::tanh(x);
  }
  return x;
}

/// y = f(x) for n numbers that lie side by side.
template <Function kFunction>
HWY_INLINE void apply_to(const float* x, int64_t n, float* y) {
  const hn::CappedTag<float, kMaxLanes> d;
  const hn::CappedTag<float, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(function_tile<kFunction>(d, hn::LoadU(d, x + i)), d, y + i);
  for (; i < n; ++i) hn::StoreU(function_tile<kFunction>(one, hn::LoadU(one, x + i)), one, y + i);
}

template <Function kFunction>
HWY_INLINE void apply_to(const double* x, int64_t n, double* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = function_of<kFunction>(x[i]);
}

template <class T>
HWY_NOINLINE void apply_any(Function function, const T* x, int64_t n, T* y) {
  using F = Function;
  switch (function) {
    case F::none:
      return apply_to<F::none>(x, n, y);
    case F::relu:
      return apply_to<F::relu>(x, n, y);
    case F::gelu:
      return apply_to<F::gelu>(x, n, y);
    case F::gelu_tanh:
      return apply_to<F::gelu_tanh>(x, n, y);
    case F::silu:
      return apply_to<F::silu>(x, n, y);
    case F::quick_gelu:
      return apply_to<F::quick_gelu>(x, n, y);
    case F::sigmoid:
      return apply_to<F::sigmoid>(x, n, y);
    case F::tanh:
      return apply_to<F::tanh>(x, n, y);
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
