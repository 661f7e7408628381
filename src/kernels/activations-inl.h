// What additive scores put between a query and a key: value(q, k) and slope(value), vector by
// vector.

#if defined(HEED_KERNELS_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ACTIVATIONS_INL_H_
#undef HEED_KERNELS_ACTIVATIONS_INL_H_
#else
#define HEED_KERNELS_ACTIVATIONS_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/exp2-inl.h"
#include "kernels/gemm_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// 1 / x for 1 <= x < infinity, to 2 units in the last place.
template <class D, class V>
HWY_INLINE V reciprocal(D d, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V r = hn::ApproximateReciprocal(x);  // 11 bits or more; one step of Newton's doubles them
    return hn::Mul(r, hn::NegMulAdd(x, r, hn::Set(d, 2.0f)));
  }
#endif
  return hn::Div(hn::Set(d, hn::TFromD<D>{1}), x);
}

/// tanh of q + k, whatever they are.
struct Tanh {
  /// From the exponentials e^2q and e^2k.
  struct Prepared {
    template <class D, class V>
    HWY_INLINE static V value(D d, V q, V k) {
      const V one = hn::Set(d, hn::TFromD<D>{1});
      const V r = reciprocal(d, hn::MulAdd(q, k, one));
      return hn::Sub(one, hn::Add(r, r));
    }
    template <class D, class V>
    HWY_INLINE static V slope(D d, V value) {
      return Tanh::slope(d, value);
    }
  };
  static constexpr bool kPrepares = true;

  /// Whether e^2x of two such numbers has a product.
  template <class T>
  static bool fits(T x) {
    constexpr T kLargest = sizeof(T) == 4 ? 20 : 170;  // e^(4 x 20) and e^(4 x 170) are finite
    return x >= -kLargest && x <= kLargest;
  }

  /// to (rows, columns) = e^2x; of no use where an x does not fit.
  template <class T>
  static HWY_NOINLINE void prepare(Left<T> from, int64_t rows, int64_t columns, T* HWY_RESTRICT to,
                                   int64_t stride) {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < rows; ++i) {
      const T* HWY_RESTRICT row = from.data + i * from.row;
      T* HWY_RESTRICT out = to + i * stride;
      for (int64_t e = 0; e < columns; ++e) out[e] = 2 * row[e * from.column];
      int64_t e = 0;
      for (; e + lanes <= columns; e += lanes) {
        hn::StoreU(exp_tile(d, hn::LoadU(d, out + e)), d, out + e);
      }
      const hn::CappedTag<T, 1> one;
      for (; e < columns; ++e) hn::StoreU(exp_tile(one, hn::LoadU(one, out + e)), one, out + e);
    }
  }

  template <class D, class V>
  HWY_INLINE static V value(D d, V q, V k) {
    using T = hn::TFromD<D>;
    const V x = hn::Add(q, k), one = hn::Set(d, T{1});
    const V e = exp_tile(d, hn::Mul(hn::Abs(x), hn::Set(d, T{-2})));
    const V t = hn::Div(hn::Sub(one, e), hn::Add(one, e));
    return hn::IfThenElse(hn::IsNaN(x), x, hn::CopySign(t, x));
  }

  template <class D, class V>
  HWY_INLINE static V slope(D d, V value) {
    return hn::NegMulAdd(value, value, hn::Set(d, hn::TFromD<D>{1}));
  }
};

/// max(q + k, 0); NaN stays.
struct Relu {
  static constexpr bool kPrepares = false;

  template <class D, class V>
  HWY_INLINE static V value(D d, V q, V k) {
    const V x = hn::Add(q, k);
    return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
  }

  template <class D, class V>
  HWY_INLINE static V slope(D d, V value) {
    return hn::IfThenElse(hn::Eq(value, hn::Zero(d)), value, hn::Set(d, hn::TFromD<D>{1}));
  }
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
