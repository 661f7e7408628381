// 2^x and e^x for x <= 0 or little above, from a power of two and a polynomial, in 9 to 11
// instructions.

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

/// What has to be added to a number below 2^22 (float) or 2^51 (double) to round it to an integer n
/// that stands in the low bits, with the bias of an exponent added.
template <class T>
inline constexpr T kExponentMagic = sizeof(T) == 4 ? static_cast<T>(0x1.8p23 + 127)
                                                   : static_cast<T>(0x1.8p52 + 1023);

/// 2^(n + f) for f in [-1/2, 1/2], from shifted = n + kExponentMagic and n >= -126 (float) or -1022
/// (double): a shift moves the exponent field of 2^n home. The float polynomial is the one of
/// degree 5 with the least largest relative error (7.5e-8 before its first coefficient is rounded
/// to 1); for double it is the Taylor series, whose first omitted term is 4e-18.
template <class D, class V>
HWY_INLINE V exp2_of_parts(D d, V f, V shifted) {
  const hn::RebindToUnsigned<D> bits;
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    V p = hn::MulAdd(hn::Set(d, 1.3276471980556946e-3f), f, hn::Set(d, 9.675541333145361e-3f));
    p = hn::MulAdd(p, f, hn::Set(d, 5.550713273528909e-2f));
    p = hn::MulAdd(p, f, hn::Set(d, 2.4022119723883853e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 6.931469670647696e-1f));
    p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
    return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, shifted))));
  } else {
    const V x = hn::Mul(f, hn::Set(d, 0.6931471805599453));
    const V p = hn::MulAdd(exp_slope(d, x), x, hn::Set(d, 1.0));
    return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<52>(hn::BitCast(bits, shifted))));
  }
}

/// 2^x for x < 127.5 (float) or 1023.5 (double); 0 where the result would not be a normal number,
/// so -inf gives 0; NaN gives NaN. Relative error 1.5 units in the last place.
template <class D, class V>
HWY_INLINE V exp2_tile(D d, V x) {
  using T = hn::TFromD<D>;
  const V magic = hn::Set(d, kExponentMagic<T>);
  const V shifted = hn::Add(x, magic);
  const V f = hn::Sub(x, hn::Sub(shifted, magic));
  const V least = hn::Set(d, sizeof(T) == 4 ? T{-126} : T{-1022});
  return hn::IfThenZeroElse(hn::Lt(x, least), exp2_of_parts(d, f, shifted));
}

/// e^x for x < 88 (float) or 709 (double), as exp2_tile. x log2(e) is never rounded: n and f are a
/// fused multiply-add each. What is left is the rounding of log2(e) itself, 1.3e-8 |x| in float; in
/// double its last bits are added.
template <class D, class V>
HWY_INLINE V exp_tile(D d, V x) {
  using T = hn::TFromD<D>;
  const V magic = hn::Set(d, kExponentMagic<T>);
  const V log2e = hn::Set(d, static_cast<T>(1.4426950408889634));
  const V shifted = hn::MulAdd(x, log2e, magic);
  V f = hn::MulSub(x, log2e, hn::Sub(shifted, magic));
  if constexpr (sizeof(T) == 8) f = hn::MulAdd(x, hn::Set(d, 2.0355273740931033e-17), f);
  // -126 ln 2 and -1022 ln 2, rounded towards 0.
  const V least = hn::Set(d, static_cast<T>(sizeof(T) == 4 ? -87.33654 : -708.3964185322640));
  return hn::IfThenZeroElse(hn::Lt(x, least), exp2_of_parts(d, f, shifted));
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
