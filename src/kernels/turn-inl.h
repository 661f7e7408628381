// Squares that fit 128-bit vectors, 4 x 4 floats or 2 x 2 doubles, transposed in registers.

#if defined(HEED_KERNELS_TURN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_TURN_INL_H_
#undef HEED_KERNELS_TURN_INL_H_
#else
#define HEED_KERNELS_TURN_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
constexpr int64_t kSide = 16 / sizeof(T);

template <class D, class V>
HWY_INLINE void turn(D d, V (&rows)[2]) {
  const V low = hn::InterleaveLower(d, rows[0], rows[1]);
  rows[1] = hn::InterleaveUpper(d, rows[0], rows[1]), rows[0] = low;
}

template <class D, class V>
HWY_INLINE void turn(D d, V (&rows)[4]) {
  const V low01 = hn::InterleaveLower(d, rows[0], rows[1]);
  const V low23 = hn::InterleaveLower(d, rows[2], rows[3]);
  const V high01 = hn::InterleaveUpper(d, rows[0], rows[1]);
  const V high23 = hn::InterleaveUpper(d, rows[2], rows[3]);
  rows[0] = hn::ConcatLowerLower(d, low23, low01), rows[1] = hn::ConcatUpperUpper(d, low23, low01);
  rows[2] = hn::ConcatLowerLower(d, high23, high01);
  rows[3] = hn::ConcatUpperUpper(d, high23, high01);
}

#endif
}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
