#include "kernels/linear_features.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_features.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "heed/core/threads.h"
#include "kernels/exp2-inl.h"
#include "kernels/gemm_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kPiece = int64_t{1} << 14;  // of a task

/// e^x = 2^n e^r with n near x log2(e): ln(2) is taken off x in two parts, the first of which has
/// so few bits that n times it is exact, with fused multiply-adds or without.
template <class D, class V>
HWY_INLINE V exp_of(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr bool kSingle = sizeof(T) == 4;
  const V log2e = hn::Set(d, T{1.4426950408889634});
  const V ln2 = hn::Set(d, kSingle ? T{0x1.62e4p-1} : T{0x1.62e42feep-1});
  const V ln2_rest = hn::Set(d, kSingle ? T{1.4286068203094173e-6} : T{1.9082149292705877e-10});
  const V least = hn::Set(d, T{-1000});  // whose exponential is 0, and whose products are numbers
  const V at = hn::IfThenElse(hn::Lt(x, least), least, x);
  const V n = hn::Round(hn::Mul(at, log2e));
  const V r = hn::NegMulAdd(n, ln2_rest, hn::NegMulAdd(n, ln2, at));
  const V result = hn::Mul(exp2_tile(d, hn::Mul(r, log2e)), exp2_tile(d, n));
  const V infinite = hn::Set(d, std::numeric_limits<T>::infinity());
  return hn::IfThenElse(hn::Ge(n, hn::Set(d, kSingle ? T{128} : T{1024})), infinite, result);
}

template <class D, class V>
HWY_INLINE V elu_of(D d, V x) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Add(x, hn::Set(d, 1)), exp_of(d, x));
}

template <bool kElu, class T>
HWY_NOINLINE void map_piece(const T* HWY_RESTRICT from, int64_t count, T* HWY_RESTRICT to) {
  const Vector<T> d;
  const auto map = [&](auto x) HWY_ATTR { return kElu ? elu_of(d, x) : exp_of(d, x); };
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(map(hn::LoadU(d, from + i)), d, to + i);
  if (i == count) return;
  T rest[kMaxLanes] = {};
  std::copy(from + i, from + count, rest);
  hn::StoreU(map(hn::LoadU(d, rest)), d, rest);
  std::copy_n(rest, count - i, to + i);
}

template <bool kElu, class T>
void map_all(const T* from, int64_t count, T* to) {
  parallel_for(divide_up(count, kPiece), [&](int64_t task) {
    const int64_t first = task * kPiece;
    map_piece<kElu>(from + first, std::min(kPiece, count - first), to + first);
  });
}

}  // namespace

void exp_float(const float* from, int64_t count, float* to) { map_all<false>(from, count, to); }
void exp_double(const double* from, int64_t count, double* to) { map_all<false>(from, count, to); }
void elu_float(const float* from, int64_t count, float* to) { map_all<true>(from, count, to); }
void elu_double(const double* from, int64_t count, double* to) { map_all<true>(from, count, to); }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(exp_float);
HWY_EXPORT(exp_double);
HWY_EXPORT(elu_float);
HWY_EXPORT(elu_double);

template <>
void exp_all(const float* from, int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(exp_float)(from, count, to);
}
template <>
void exp_all(const double* from, int64_t count, double* to) {
  HWY_DYNAMIC_DISPATCH(exp_double)(from, count, to);
}
template <>
void elu_all(const float* from, int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(elu_float)(from, count, to);
}
template <>
void elu_all(const double* from, int64_t count, double* to) {
  HWY_DYNAMIC_DISPATCH(elu_double)(from, count, to);
}

}  // namespace heed::kernels
#endif
