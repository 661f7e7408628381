// score = scale q . k, and its gradient: dq = scale sum_j ds_ij k_j, dk = scale sum_i ds_ij q_i.

#if defined(HEED_KERNELS_DOT_SCORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_DOT_SCORE_INL_H_
#undef HEED_KERNELS_DOT_SCORE_INL_H_
#else
#define HEED_KERNELS_DOT_SCORE_INL_H_
#endif

#include "kernels/gemm_tile-inl.h"
#include "kernels/stations.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// The scores of one query, which is read along its width like the keys: a panel would compute
/// fifteen more. Each is a sum of vectors and then of lanes, in an order that depends on the width
/// alone.
template <class T>
HWY_NOINLINE void score_alone(const T* HWY_RESTRICT query, int64_t width, Left<T> keys,
                              const Tile<T>& scores) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto store = [&](int64_t j, hn::Vec<Vector<T>> sum) HWY_ATTR {
    T* to = scores.data + j * scores.stride;
    hn::StoreU(hn::Zero(d), d, to), hn::StoreU(hn::Zero(d), d, to + lanes);
    to[0] = hn::GetLane(hn::SumOfLanes(d, sum));
  };
  int64_t j = 0;
  for (; j + 4 <= scores.columns; j += 4) {
    const T* HWY_RESTRICT key = keys.data + j * keys.row;
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t e = 0; e < width; e += lanes) {
      const auto q = hn::LoadU(d, query + e);
      s0 = hn::MulAdd(hn::LoadU(d, key + e), q, s0);
      s1 = hn::MulAdd(hn::LoadU(d, key + keys.row + e), q, s1);
      s2 = hn::MulAdd(hn::LoadU(d, key + 2 * keys.row + e), q, s2);
      s3 = hn::MulAdd(hn::LoadU(d, key + 3 * keys.row + e), q, s3);
    }
    store(j, s0), store(j + 1, s1), store(j + 2, s2), store(j + 3, s3);
  }
  for (; j < scores.columns; ++j) {
    const T* HWY_RESTRICT key = keys.data + j * keys.row;
    auto sum = hn::Zero(d);
    for (int64_t e = 0; e < width; e += lanes) {
      sum = hn::MulAdd(hn::LoadU(d, key + e), hn::LoadU(d, query + e), sum);
    }
    store(j, sum);
  }
}

template <class T>
class DotScore final : public Score<T> {
 public:
  /// `alone`: the call has one query (decoding), which is scored by a kernel of its own where its
  /// width is whole vectors.
  DotScore(int64_t width, bool alone)
      : width_(width),
        alone_(alone && width <= kMostAlone &&
               width % static_cast<int64_t>(hn::Lanes(Vector<T>())) == 0) {}

  void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
               const Tile<T>& scores) const noexcept override {
    if (alone_ && keys.any.column == 1) {
      T query[kMostAlone];
      for (int64_t e = 0; e < width_; ++e) {
        query[e] = queries.transposed.data[e * queries.transposed.stride];
      }
      return score_alone(query, width_, keys.any, scores);
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
  static constexpr int64_t kMostAlone = 512;
  int64_t width_;
  bool alone_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
