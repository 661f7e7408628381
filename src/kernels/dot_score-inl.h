// score = scale q . k, and its gradient: dq = scale sum_j ds_ij k_j, dk = scale sum_i ds_ij q_i.

#if defined(HEED_KERNELS_DOT_SCORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_DOT_SCORE_INL_H_
#undef HEED_KERNELS_DOT_SCORE_INL_H_
#else
#define HEED_KERNELS_DOT_SCORE_INL_H_
#endif

#include "kernels/gemm_column-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class DotScore final : public Score<T> {
 public:
  explicit DotScore(int64_t width) : width_(width) {}

  void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
               const Tile<T>& scores) const noexcept override {
    HWY_ALIGN T alone[kKeys];
    if (scores.rows == 1) {
      gemm_column(scores.columns, width_, keys.any, queries.transposed, alone);
      return spread(alone, scores);
    }
    gemm<false>(scores.columns, scores.rows, width_, keys.any, queries.transposed,
                Result<T>{scores.data, scores.stride});
  }

  void backward(const QueryBlock<T>& queries, const KeyBlock<T>& keys, const Tile<T>& gradient,
                Hidden hidden, Result<T> grad_queries, Result<T> grad_keys,
                T*) const noexcept override {
    const Left<T> by_key{gradient.data, gradient.stride, 1};
    const Left<T> by_query{gradient.data, 1, gradient.stride};
    accumulate(gradient.columns, width_, gradient.rows, by_key, hidden, queries.plain, grad_keys);
    accumulate(gradient.rows, width_, gradient.columns, by_query, hidden, keys.plain, grad_queries);
  }

 private:
  /// To the first column of a panel, the rest of which is 0.
  static void spread(const T* from, const Tile<T>& scores) noexcept {
    const Vector<T> half;
    const auto first = hn::FirstN(half, 1);
    for (int64_t j = 0; j < scores.columns; ++j) {
      T* to = scores.data + j * scores.stride;
      hn::StoreU(hn::IfThenElseZero(first, hn::Set(half, from[j])), half, to);
      hn::StoreU(hn::Zero(half), half, to + panel_width<T>() / 2);
    }
  }

  int64_t width_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
