#include "kernels/softcap.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softcap.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/tanh-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// Calls op(vector, address) on the whole tile, padding too.
template <class T, class Op>
HWY_INLINE void for_each_vector(const Tile<T>& tile, Op&& op) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t j = 0; j < tile.columns; ++j) {
    for (int64_t i = 0; i < tile.rows; i += lanes) op(d, j, i);
  }
}

template <class T>
HWY_INLINE void cap_tile(const Tile<T>& scores, T cap) {
  for_each_vector(scores, [&](auto d, int64_t j, int64_t i) HWY_ATTR {
    T* at = scores.data + j * scores.stride + i;
    const auto t = tanh_tile(d, hn::Mul(hn::LoadU(d, at), hn::Set(d, 1 / cap)));
    hn::StoreU(hn::Mul(t, hn::Set(d, cap)), d, at);
  });
}

/// A quotient, and not the product with 1 / cap, so that cap gives exactly 1 and no gradient.
template <class T>
HWY_INLINE void uncap_tile(const Tile<T>& scores, const Tile<T>& gradient, T cap) {
  for_each_vector(scores, [&](auto d, int64_t j, int64_t i) HWY_ATTR {
    const auto t = hn::Div(hn::LoadU(d, scores.data + j * scores.stride + i), hn::Set(d, cap));
    T* at = gradient.data + j * gradient.stride + i;
    hn::StoreU(hn::Mul(hn::LoadU(d, at), tanh_slope(d, t)), d, at);
  });
}

}  // namespace

void cap_float(const Tile<float>& scores, float cap) { cap_tile(scores, cap); }
void cap_double(const Tile<double>& scores, double cap) { cap_tile(scores, cap); }
void uncap_float(const Tile<float>& scores, const Tile<float>& gradient, float cap) {
  uncap_tile(scores, gradient, cap);
}
void uncap_double(const Tile<double>& scores, const Tile<double>& gradient, double cap) {
  uncap_tile(scores, gradient, cap);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(cap_float);
HWY_EXPORT(cap_double);
HWY_EXPORT(uncap_float);
HWY_EXPORT(uncap_double);

template <>
void Softcap<float>::forward(const Tile<float>& scores) const noexcept {
  HWY_DYNAMIC_DISPATCH(cap_float)(scores, cap_);
}
template <>
void Softcap<double>::forward(const Tile<double>& scores) const noexcept {
  HWY_DYNAMIC_DISPATCH(cap_double)(scores, cap_);
}
template <>
void Softcap<float>::backward(const Tile<float>& scores,
                              const Tile<float>& gradient) const noexcept {
  HWY_DYNAMIC_DISPATCH(uncap_float)(scores, gradient, cap_);
}
template <>
void Softcap<double>::backward(const Tile<double>& scores,
                               const Tile<double>& gradient) const noexcept {
  HWY_DYNAMIC_DISPATCH(uncap_double)(scores, gradient, cap_);
}

template class Softcap<float>;
template class Softcap<double>;

}  // namespace heed::kernels
#endif
