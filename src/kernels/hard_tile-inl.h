// Hard attention: the key of the largest score has weight 1 (the first of them if there are
// several). With Gumbel noise added to the scores before, that key is drawn from their softmax.
// Backward is straight-through (Jang et al. 2017; Bengio et al. 2013): the gradient of
// softmax(score / temperature), while the values get that of the hard weights.

#if defined(HEED_KERNELS_HARD_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_HARD_TILE_INL_H_
#undef HEED_KERNELS_HARD_TILE_INL_H_
#else
#define HEED_KERNELS_HARD_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/gemm_tile-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class Hard final : public TileNormalizer<T> {
 public:
  explicit Hard(T temperature) : temperature_(temperature) {}

  /// first: the key of the largest score so far; second: that score.
  void begin(const Running<T>& rows, int64_t count) const noexcept override {
    std::fill_n(rows.first, count, T{-1});
    std::fill_n(rows.second, count, kNothing);
  }

  HWY_NOINLINE bool forward(const Tile<T>& scores, const Running<T>& rows,
                            T* HWY_RESTRICT rescale) const noexcept override {
    std::fill_n(rescale, scores.rows, T{1});
    bool changed = false;
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        const T s = scores(i, j);
        // A NaN wins, and stays.
        if (!(s > rows.second[i]) && !(std::isnan(s) && !std::isnan(rows.second[i]))) continue;
        rows.first[i] = key, rows.second[i] = s, rescale[i] = 0, changed = true;
      }
    }
    weights(scores, {rows.first, rows.second});
    return changed;
  }

  HWY_NOINLINE void weights(const Tile<T>& scores,
                            const RowState<const T>& number) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        const T weight = std::isnan(number.second[i]) ? number.second[i] : T{1};
        scores(i, j) = number.first[i] == key ? weight : T{0};
      }
    }
  }

  void finish(const Running<T>& rows, int64_t, int64_t count, T* factor,
              T* logsumexp) const noexcept override {
    std::fill_n(factor, count, T{1});
    if (logsumexp) std::copy_n(rows.first, count, logsumexp);
  }

  bool collects() const noexcept override { return true; }

  /// sums: of e = e^((s - m) / t) and e dW, m the largest score.
  HWY_NOINLINE void collect(const Tile<T>& scores, const RowState<const T>& number,
                            const Tile<T>& gradient, T* sums,
                            int64_t stride) const noexcept override {
    for (int64_t i = 0; i < scores.rows; ++i) {
      T all = 0, mean = 0;
      for (int64_t j = 0; j < scores.columns; ++j) {
        if (scores(i, j) == kNothing) continue;
        const T e = std::exp((scores(i, j) - number.second[i]) / temperature_);
        all += e, mean += e * gradient(i, j);
      }
      sums[i] += all, sums[stride + i] += mean;
    }
  }

  /// delta: the mean of dW under the softmax; second: the sum of e.
  void conclude(const RowState<T>& delta, const RowState<const T>&, const T* sums, int64_t stride,
                int64_t, int64_t rows, T*) const noexcept override {
    for (int64_t i = 0; i < rows; ++i) {
      const T all = sums[i];
      delta.first[i] = all == 0 ? T{0} : sums[stride + i] / all;
      delta.second[i] = all;
    }
  }

  HWY_NOINLINE void backward(const Tile<T>& scores, const RowState<const T>& number,
                             const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        T& s = scores(i, j);
        T& grad = gradient(i, j);
        const T e = s == kNothing ? T{0} : std::exp((s - number.second[i]) / temperature_);
        grad = s == kNothing ? T{0} : e / delta.second[i] * (grad - delta.first[i]) / temperature_;
        s = number.first[i] == key ? T{1} : T{0};
      }
    }
  }

 private:
  static constexpr T kNothing = -std::numeric_limits<T>::infinity();
  T temperature_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
