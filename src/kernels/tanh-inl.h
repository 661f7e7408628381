// tanh: a quotient of polynomials in float, by e^2x in double. Odd to the last bit, exactly 1 and
// -1 where it rounds to them, never beyond; NaN gives NaN.

#if defined(HEED_KERNELS_TANH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_TANH_INL_H_
#undef HEED_KERNELS_TANH_INL_H_
#else
#define HEED_KERNELS_TANH_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/exp2-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The lesser of x and the limit; NaN where x is. The minimum of x86 is its second operand where
/// one is NaN; that of other machines may be the number.
template <class D, class V>
HWY_INLINE V at_most(D d, V x, hn::TFromD<D> limit) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(hn::Set(d, limit), x);
#else
  return hn::IfThenElse(hn::Gt(x, hn::Set(d, limit)), hn::Set(d, limit), x);
#endif
}

template <class D, class V>
HWY_INLINE V at_least(D d, V x, hn::TFromD<D> limit) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(hn::Set(d, limit), x);
#else
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, limit)), hn::Set(d, limit), x);
#endif
}

/// tanh x. Relative error in float 3.1e-7 (3.4e-7 without fused multiply-add; 14 instructions, one
/// a division), in double 7e-16.
///
/// Float: x P(x^2) / Q(x^2) with the polynomials of degree 4 that have the least largest relative
/// error over 0 .. 9.02 (2.2e-8), their coefficients rounded so that the quotient as computed is
/// above 1 from 9.1 on. There x^2 stands still and the quotient grows with x; it is cut at 1.
/// Double: with e^2|x| - 1 = 2^n (e^f - 1) + (2^n - 1) = m, where nothing cancels, m / (m + 2).
template <class D, class V>
HWY_INLINE V tanh_tile(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V one = hn::Set(d, 1.0f);
    const V z = at_most(d, hn::Mul(x, x), 9.1f * 9.1f);
    V p = hn::MulAdd(hn::Set(d, 1.33841915e-8f), z, hn::Set(d, 2.06357381e-5f));
    V q = hn::MulAdd(hn::Set(d, 7.79019899e-7f), z, hn::Set(d, 3.2885102e-4f));
    p = hn::MulAdd(p, z, hn::Set(d, 3.49745317e-3f));
    q = hn::MulAdd(q, z, hn::Set(d, 2.58843414e-2f));
    p = hn::MulAdd(p, z, hn::Set(d, 1.33826837e-1f));
    q = hn::MulAdd(q, z, hn::Set(d, 4.67160076e-1f));
    p = hn::MulAdd(p, hn::Mul(x, z), x);
    q = hn::MulAdd(q, z, one);
    return at_least(d, at_most(d, hn::Div(p, q), 1.0f), -1.0f);
  } else {
    const hn::RebindToUnsigned<D> bits;
    const V magic = hn::Set(d, 0x1.8p52 + 1023.0), factor = hn::Set(d, 2 * 1.4426950408889634);
    const V a = at_most(d, hn::Abs(x), 20.0);  // m + 2 = m from 18.8 on
    const V shifted = hn::MulAdd(a, factor, magic);
    const V f =
        hn::Mul(hn::MulSub(a, factor, hn::Sub(shifted, magic)), hn::Set(d, 0.6931471805599453));
    const V power = hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(bits, shifted)));
    const V m = hn::MulAdd(hn::Mul(exp_slope(d, f), f), power, hn::Sub(power, hn::Set(d, 1.0)));
    return hn::CopySignToAbs(hn::Div(m, hn::Add(m, hn::Set(d, 2.0))), x);
  }
}

/// The derivative of tanh from its value t: 1 - t^2, from 0 to 1.
template <class D, class V>
HWY_INLINE V tanh_slope(D d, V t) {
  return hn::NegMulAdd(t, t, hn::Set(d, hn::TFromD<D>{1}));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
