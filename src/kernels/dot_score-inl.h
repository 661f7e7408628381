// score = scale q . k, and its gradient: dq = scale sum_j ds_ij k_j, dk = scale sum_i ds_ij q_i.

#if defined(HEED_KERNELS_DOT_SCORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_DOT_SCORE_INL_H_
#undef HEED_KERNELS_DOT_SCORE_INL_H_
#else
#define HEED_KERNELS_DOT_SCORE_INL_H_
#endif

#include "kernels/gemm_tile-inl.h"
#include "kernels/stations.h"
#include "kernels/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class DotScore final : public Score<T> {
 public:
  explicit DotScore(int64_t width) : width_(width) {}

  void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
               const Tile<T>& scores) const noexcept override {
    const int64_t done = scores.rows == 1 ? one_row(queries, keys, scores) : 0;
    gemm<false>(scores.columns - done, scores.rows, width_, keys.any.from(done), queries.transposed,
                Result<T>{scores.data + done * scores.stride, scores.stride});
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
  /// A panel of the product computes as many queries as two vectors hold. For one alone (decoding)
  /// vectors hold keys instead, turned in registers, a third of that work, so that memory is the
  /// limit. Adds as `gemm` does. Says how many keys from the first it did.
  HWY_NOINLINE int64_t one_row(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
                               const Tile<T>& scores) const {
#if HWY_TARGET == HWY_SCALAR
    (void)queries, (void)keys, (void)scores;
    return 0;
#else
    const hn::FixedTag<T, kSide<T> > d;
    using V = hn::Vec<decltype(d)>;
    constexpr int64_t kAtOnce = 4 * kSide<T>;  // four sums at a time cover the latency
    if (keys.any.column != 1 || width_ % kSide<T> != 0) return 0;
    const Right<T> query = queries.transposed;
    int64_t j = 0;
    for (; j + kAtOnce <= scores.columns; j += kAtOnce) {
      V sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
      for (int64_t e = 0; e < width_; e += kSide<T>) {
        for (int64_t part = 0; part < 4; ++part) {
          V rows[kSide<T>];
          for (int64_t x = 0; x < kSide<T>; ++x) {
            rows[x] = hn::LoadU(d, keys.any.data + (j + part * kSide<T> + x) * keys.any.row + e);
          }
          turn(d, rows);
          for (int64_t x = 0; x < kSide<T>; ++x) {
            const V of_query = hn::Set(d, query.data[(e + x) * query.stride]);
            sums[part] = hn::MulAdd(rows[x], of_query, sums[part]);
          }
        }
      }
      alignas(16) T numbers[kAtOnce];
      for (int64_t part = 0; part < 4; ++part) hn::Store(sums[part], d, numbers + part * kSide<T>);
      for (int64_t x = 0; x < kAtOnce; ++x) scores(0, j + x) = numbers[x];
    }
    return j;
#endif
  }

  int64_t width_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
