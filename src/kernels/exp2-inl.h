// 2^x for x <= 0 or little above, from a power of two and a polynomial, in 9 to 11 instructions.

#if defined(HEED_KERNELS_EXP2_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_EXP2_INL_H_
#undef HEED_KERNELS_EXP2_INL_H_
#else
#define HEED_KERNELS_EXP2_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// (e^f - 1) / f in double for |f| <= ln(2) / 2: sum of f^(k - 1) / k!, k = 1 .. 13.
template <class D, class V>
HWY_INLINE V exp_slope(D d, V f) {
  V p = hn::Set(d, 1.0 / 6227020800.0);
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 479001600.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 39916800.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 3628800.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 362880.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 40320.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 5040.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 720.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 120.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 24.0));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0 / 6.0));
  p = hn::MulAdd(p, f, hn::Set(d, 0.5));
  return hn::MulAdd(p, f, hn::Set(d, 1.0));
}

/// 2^x for x < 127.5 (float) or 1023.5 (double); 0 where the result would not be a normal number,
/// so -inf gives 0; NaN gives NaN. Relative error 1.5 units in the last place.
///
/// x = n + f with f in [-1/2, 1/2]: adding 1.5 2^23 rounds to n and leaves n in the low bits;
/// adding 127 more leaves the exponent field of 2^n there, which a shift moves home (n fits: it is
/// at least -126). The float polynomial is the one of degree 5 with the least largest relative
/// error (7.5e-8 before its first coefficient is rounded to 1); for double it is the Taylor series,
/// whose first omitted term is 4e-18.
template <class D, class V>
HWY_INLINE V exp2_tile(D d, V x) {
  const hn::RebindToUnsigned<D> bits;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const V magic = hn::Set(d, 0x1.8p23f + 127.0f);
    const V shifted = hn::Add(x, magic);
    const V f = hn::Sub(x, hn::Sub(shifted, magic));
    V p = hn::MulAdd(hn::Set(d, 1.3276471980556946e-3f), f, hn::Set(d, 9.675541333145361e-3f));
    p = hn::MulAdd(p, f, hn::Set(d, 5.550713273528909e-2f));
    p = hn::MulAdd(p, f, hn::Set(d, 2.4022119723883853e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 6.931469670647696e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
    const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, shifted)));
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -126.0f)), hn::Mul(p, power));
  } else {
    const V magic = hn::Set(d, 0x1.8p52 + 1023.0);
    const V shifted = hn::Add(x, magic);
    const V f = hn::Mul(hn::Sub(x, hn::Sub(shifted, magic)), hn::Set(d, 0.6931471805599453));
    const V p = hn::MulAdd(exp_slope(d, f), f, hn::Set(d, 1.0));
    const V power = hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(bits, shifted)));
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -1022.0)), hn::Mul(p, power));
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
