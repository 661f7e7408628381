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
#include "kernels/stations.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class Hard final : public TileNormalizer<T> {
 public:
  explicit Hard(T temperature) : temperature_(temperature) {}

  /// first: the largest score so far; second: its key.
  void begin(RowState<T> rows, int64_t count) const noexcept override {
    std::fill_n(rows.first, count, kNothing);
    std::fill_n(rows.second, count, T{-1});
  }

  HWY_NOINLINE bool forward(const Tile<T>& scores, RowState<T> rows,
                            T* HWY_RESTRICT rescale) const noexcept override {
    std::fill_n(rescale, scores.rows, T{1});
    bool changed = false;
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        const T s = scores(i, j);
        // A NaN wins, and stays.
        if (!(s > rows.first[i]) && !(std::isnan(s) && !std::isnan(rows.first[i]))) continue;
        rows.first[i] = s, rows.second[i] = key, rescale[i] = 0, changed = true;
      }
    }
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        const T weight = std::isnan(rows.first[i]) ? rows.first[i] : T{1};
        scores(i, j) = rows.second[i] == key ? weight : T{0};
      }
    }
    return changed;
  }

  void finish(RowState<T> rows, int64_t, int64_t count, T* factor,
              T* number) const noexcept override {
    std::fill_n(factor, count, T{1});
    std::copy_n(rows.second, count, number);
  }

  bool collects() const noexcept override { return true; }

  /// sums: 1 where anything was seen, the largest score m, sum of e = exp((s - m) / t), of e dW.
  HWY_NOINLINE void collect(const Tile<T>& scores, const T*, const Tile<T>& gradient, T* sums,
                            int64_t stride) const noexcept override {
    T *seen = sums, *top = sums + stride, *all = sums + 2 * stride, *mean = sums + 3 * stride;
    for (int64_t i = 0; i < scores.rows; ++i) {
      T largest = seen[i] != 0 ? top[i] : kNothing;
      for (int64_t j = 0; j < scores.columns; ++j) largest = std::max(largest, scores(i, j));
      if (largest == kNothing) continue;
      const T factor = seen[i] != 0 ? std::exp((top[i] - largest) / temperature_) : T{0};
      seen[i] = 1, top[i] = largest, all[i] *= factor, mean[i] *= factor;
      for (int64_t j = 0; j < scores.columns; ++j) {
        if (scores(i, j) == kNothing) continue;
        const T e = std::exp((scores(i, j) - largest) / temperature_);
        all[i] += e, mean[i] += e * gradient(i, j);
      }
    }
  }

  /// delta: the mean of dW under the softmax; second: the log of its sum.
  void conclude(const RowState<T>& delta, const T*, const T* sums, int64_t stride, int64_t,
                int64_t rows, T*) const noexcept override {
    for (int64_t i = 0; i < rows; ++i) {
      const T all = sums[2 * stride + i];
      delta.first[i] = sums[i] != 0 ? sums[3 * stride + i] / all : T{0};
      delta.second[i] = sums[i] != 0 ? sums[stride + i] / temperature_ + std::log(all) : T{0};
    }
  }

  HWY_NOINLINE void backward(const Tile<T>& scores, const T* number, const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      const T key = static_cast<T>(scores.column + j);
      for (int64_t i = 0; i < scores.rows; ++i) {
        T& s = scores(i, j);
        T& grad = gradient(i, j);
        const T soft = s == kNothing ? T{0} : std::exp(s / temperature_ - delta.second[i]);
        grad = s == kNothing ? T{0} : soft * (grad - delta.first[i]) / temperature_;
        s = number[i] == key ? T{1} : T{0};
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
