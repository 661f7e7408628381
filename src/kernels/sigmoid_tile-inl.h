// Sigmoid attention (Ramapuram et al. 2024): w = 1 / (1 + e^-(s + b)), each key by itself; rows do
// not sum to 1. dS = w (1 - w) dW.

#if defined(HEED_KERNELS_SIGMOID_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_SIGMOID_TILE_INL_H_
#undef HEED_KERNELS_SIGMOID_TILE_INL_H_
#else
#define HEED_KERNELS_SIGMOID_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/activations-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
class Sigmoid final : public TileNormalizer<T> {
 public:
  explicit Sigmoid(T shift) : shift_(shift) {}

  void begin(const Running<T>& rows, int64_t count) const noexcept override {
    std::fill_n(rows.first, count, T{0}), std::fill_n(rows.second, count, T{0});
  }

  bool forward(const Tile<T>& scores, const Running<T>&, T*) const noexcept override {
    weights(scores, {});
    return false;
  }

  HWY_NOINLINE void weights(const Tile<T>& scores,
                            const RowState<const T>&) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at = scores.data + j * scores.stride + i;
        hn::StoreU(weight(d, hn::LoadU(d, at)), d, at);
      }
    }
  }

  /// There is no number to keep: 0.
  void finish(const Running<T>&, int64_t, int64_t count, T* factor,
              T* logsumexp) const noexcept override {
    std::fill_n(factor, count, T{1});
    if (logsumexp) std::fill_n(logsumexp, count, T{0});
  }

  HWY_NOINLINE void backward(const Tile<T>& scores, const RowState<const T>&, const RowState<T>&,
                             const Tile<T>& gradient) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto nothing = hn::Set(d, -std::numeric_limits<T>::infinity());
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* score = scores.data + j * scores.stride + i;
        T* grad = gradient.data + j * gradient.stride + i;
        const auto s = hn::LoadU(d, score), w = weight(d, s);
        const auto ds = hn::Mul(hn::NegMulAdd(w, w, w), hn::LoadU(d, grad));
        hn::StoreU(w, d, score);
        hn::StoreU(hn::IfThenZeroElse(hn::Eq(s, nothing), ds), d, grad);
      }
    }
  }

 private:
  /// From e^-|x|, which cannot overflow. 0 for -inf.
  template <class D, class V>
  HWY_INLINE V weight(D d, V score) const {
    const V x = hn::Add(score, hn::Set(d, shift_)), one = hn::Set(d, T{1});
    const V e = exp_tile(d, hn::Neg(hn::Abs(x)));
    const V top = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one);
    return hn::Mul(top, reciprocal(d, hn::Add(one, e)));
  }

  T shift_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
