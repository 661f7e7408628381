#include "kernels/adam.h"

#include <algorithm>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/adam.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A vector of numbers.
template <class D, class T>
HWY_INLINE void adam_vector(D d, const AdamStep<T>& s, int64_t i) {
  const auto set = [&](double x) HWY_ATTR { return hn::Set(d, static_cast<T>(x)); };
  const auto g = hn::LoadU(d, s.gradient + i);
  const auto m =
      hn::Add(hn::Mul(hn::LoadU(d, s.mean + i), set(s.beta1)), hn::Mul(g, set(1 - s.beta1)));
  const auto v = hn::Add(hn::Mul(hn::LoadU(d, s.square + i), set(s.beta2)),
                         hn::Mul(hn::Mul(g, g), set(1 - s.beta2)));
  hn::StoreU(m, d, s.mean + i), hn::StoreU(v, d, s.square + i);
  const auto size = hn::Add(hn::Div(hn::Sqrt(v), set(s.root)), set(s.epsilon));
  const auto kept = hn::Mul(hn::LoadU(d, s.parameter + i), set(s.keep));
  hn::StoreU(hn::Sub(kept, hn::Div(hn::Mul(m, set(s.rate)), size)), d, s.parameter + i);
}

template <class T>
void adam_piece(const AdamStep<T>& step, int64_t first, int64_t end) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = first;
  for (; i + lanes <= end; i += lanes) adam_vector(d, step, i);
  for (; i < end; ++i) adam_vector(one, step, i);
}

void adam_piece_float(const AdamStep<float>& step, int64_t first, int64_t end) {
  adam_piece(step, first, end);
}
void adam_piece_double(const AdamStep<double>& step, int64_t first, int64_t end) {
  adam_piece(step, first, end);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(adam_piece_float);
HWY_EXPORT(adam_piece_double);

namespace {

template <class T, class Piece>
void by_adam_pieces(const AdamStep<T>& step, const Piece& piece) {
  constexpr int64_t kPiece = 1 << 14;
  parallel_for(divide_up(step.count, kPiece), [&](int64_t task) {
    piece(step, task * kPiece, std::min(step.count, (task + 1) * kPiece));
  });
}

}  // namespace

void adam_step(const AdamStep<float>& step) {
  by_adam_pieces(step, HWY_DYNAMIC_DISPATCH(adam_piece_float));
}

void adam_step(const AdamStep<double>& step) {
  by_adam_pieces(step, HWY_DYNAMIC_DISPATCH(adam_piece_double));
}

}  // namespace heed::kernels
#endif
