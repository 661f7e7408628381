// Forward of up to six queries, as decoding asks for it: one token of a sequence, or of its beams.
//
// A query's scores lie side by side, so that a vector holds many keys of the one query, where a tile's
// holds one key of many queries, of which nearly all would be padding. Keys turn in registers, four
// steps of depth of as many keys as a vector has numbers, once for all queries. Every number is made as
// a tile makes it and sums go over the keys in order: the row has the bits that it has among others.

#if defined(HEED_KERNELS_FEW_QUERIES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_FEW_QUERIES_INL_H_
#undef HEED_KERNELS_FEW_QUERIES_INL_H_
#else
#define HEED_KERNELS_FEW_QUERIES_INL_H_
#endif

#include "kernels/dot_score-inl.h"
#include "kernels/forward_block-inl.h"
#include "kernels/softmax_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// Scores of a query, up to whole vectors.
inline constexpr int64_t kScoresOfQuery = (kKeys + kMaxLanes - 1) / kMaxLanes * kMaxLanes;

#if HWY_TARGET != HWY_SCALAR
/// Scores of kQueries queries (kQueries, D) and as many keys as d has lanes.
template <int kQueries, class D, class T>
HWY_INLINE void scores_of_vector(D d, int64_t depth, const T* HWY_RESTRICT keys, int64_t apart,
                                 const T* HWY_RESTRICT queries, T* HWY_RESTRICT scores) {
  constexpr int64_t side = kSide<T>;
  hn::Vec<D> sums[kQueries];
  for (auto& sum : sums) sum = hn::Zero(d);
  for (int64_t k = 0; k < depth; k += side) {
    hn::Vec<D> columns[side];
    load_transposed(d, keys + k, apart, columns);
    for (int64_t x = 0; x < side; ++x)
      for (int i = 0; i < kQueries; ++i)
        sums[i] = hn::MulAdd(columns[x], hn::Set(d, queries[i * depth + k + x]), sums[i]);
  }
  for (int i = 0; i < kQueries; ++i) hn::StoreU(sums[i], d, scores + i * kScoresOfQuery);
}

/// Of `count` keys in vectors of d, the last of which ends where the keys do; in halves of it where
/// there are fewer.
template <int kQueries, class D, class T>
HWY_INLINE void scores_of_keys(D d, int64_t count, int64_t depth, const T* keys, int64_t apart,
                               const T* queries, T* scores) {
  constexpr int64_t lanes = hn::MaxLanes(d);
  if constexpr (lanes > kSide<T>) {
    if (count < lanes)
      return scores_of_keys<kQueries>(hn::Half<D>(), count, depth, keys, apart, queries, scores);
  }
  for (int64_t j = 0; j < count; j += lanes) {
    const int64_t at = std::min(j, count - lanes);
    scores_of_vector<kQueries>(d, depth, keys + at * apart, apart, queries, scores + at);
  }
}

/// Up to kSide - 1 keys: among copies of the last.
template <int kQueries, class T>
HWY_INLINE void scores_of_last(int64_t count, int64_t depth, const T* keys, int64_t apart,
                               const T* queries, T* copies, T* scores) {
  for (int64_t j = 0; j < kSide<T>; ++j)
    std::copy_n(keys + std::min(j, count - 1) * apart, depth, copies + j * depth);
  scores_of_vector<kQueries>(hn::CappedTag<T, kSide<T>>(), depth, copies, depth, queries, scores);
}
#endif

/// kQueries rows of C (kQueries, kVectors vectors) += weights (kQueries, depth) B, as gemm adds.
template <int kQueries, int kVectors, class T>
HWY_INLINE void add_values(int64_t depth, const T* HWY_RESTRICT weights, Right<T> b, Result<T> c) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<Vector<T>> sums[kQueries][kVectors];
  for (auto& row : sums)
    for (auto& sum : row) sum = hn::Zero(d);
  const T* HWY_RESTRICT right = b.data;
  for (int64_t j = 0; j < depth; ++j, right += b.stride)
    for (int i = 0; i < kQueries; ++i) {
      const auto weight = hn::Set(d, weights[i * kScoresOfQuery + j]);
      for (int v = 0; v < kVectors; ++v)
        sums[i][v] = hn::MulAdd(weight, hn::LoadU(d, right + v * lanes), sums[i][v]);
    }
  for (int i = 0; i < kQueries; ++i)
    for (int v = 0; v < kVectors; ++v) {
      T* to = c.from(i, v * lanes).data;
      hn::StoreU(hn::Add(hn::LoadU(d, to), sums[i][v]), d, to);
    }
}

template <class T>
class FewQueries final : public Block<T> {
 public:
  static int64_t queries(const Problem<T>& problem) { return problem.sizes.Lq; }

  /// The commonest problem of decoding; modifiers may write whole panels of queries.
  static bool suits(const Problem<T>& problem) {
    return problem.sizes.Lq > 0 && problem.sizes.Lq <= kTileRows &&
           problem.score == ScoreKind::dot && problem.normalizer == NormalizerKind::softmax &&
           problem.modifiers.empty() && problem.dropout == 0 && !problem.distance_values.table;
  }

  FewQueries(const Problem<T>& problem, const Score<T>& score, const Softmax<T>& softmax,
             const Rows& row, const Buffers<T>& at)
      : Block<T>(problem, score, row, at), softmax_(softmax) {}

  HWY_NOINLINE void run(View<T> out, const RowStats<T>& row_stats) {
    const Rows& all = this->rows_;
    const int64_t D = this->sizes_.D;
    const Left<T> queries = rows_of(this->problem_.q, all.batch, all.head, all.row);
    for (int64_t i = 0; i < all.rows; ++i)
      for (int64_t e = 0; e < D; ++e)
        at_.queries[i * D + e] =
            queries.data[i * queries.row + e * queries.column] * this->problem_.scale;
    sweep(row_stats.logsumexp);
    this->write_row_stats(row_stats);
    this->write_averages(out, [&]() HWY_ATTR { sweep(nullptr); });
  }

 private:
  using Block<T>::at_;

  HWY_INLINE void sweep(T* logsumexp) {
    this->clear_sums();
    softmax_.begin(at_.state, this->rows_.rows);
    for_each_tile(this->problem_, this->rows_, {0, this->sizes_.Lk}, kTileRows,
                  [&](int64_t, int64_t, Span keys, Coverage coverage)
                      HWY_ATTR { tile(keys, coverage); });
    softmax_.finish(at_.state, this->rows_.head, this->rows_.rows, at_.rescale,
                    logsumexp ? at_.logsumexp : nullptr);
    this->close_sums();
  }

  /// Scores of query i, as a tile of that query alone.
  HWY_INLINE Tile<T> scores_of(int64_t i, Span keys) const {
    const Rows& all = this->rows_;
    return {at_.scores + i * kScoresOfQuery,
            1,
            all.batch,
            all.head,
            all.row + i,
            1,
            keys.begin,
            keys.end - keys.begin};
  }

  HWY_INLINE void tile(Span keys, Coverage coverage) {
    const int64_t rows = this->rows_.rows;
    this->enter(scores_of(0, keys));
    score_keys(keys);
    const Right<T> values = this->values(scores_of(0, keys));
    const bool apart =
        coverage == Coverage::part && has_nonfinite(values, keys.end - keys.begin, this->sizes_.E);
    for (int64_t i = 0; i < rows; ++i) {
      const auto scores = scores_of(i, keys);
      uint8_t* hidden = at_.hidden + i * kScoresOfQuery;
      if (coverage == Coverage::part) hide(this->problem_, scores);
      if (apart) mark_hidden(scores, hidden);
      at_.rescale[i] = softmax_.forward_one(scores, at_.state.from(i));
      if (at_.rescale[i] != 1) rescale_one(i);
      if (this->smaller_ != 1 || apart)
        this->accumulate_values(scores, i, apart ? hidden : nullptr, values);
    }
    if (this->smaller_ != 1 || apart) return;
    with_rows<kTileRows>(rows, [&](auto count) HWY_ATTR { add<count>(keys, values); });
  }

  HWY_INLINE void rescale_one(int64_t i) {
    this->sums_.multiply(i * this->stride_, this->stride_, at_.rescale[i]);
  }

  template <int kQueries>
  HWY_INLINE void add(Span keys, Right<T> values) {
    const int64_t panel = panel_width<T>(), count = keys.end - keys.begin;
    int64_t e = 0;
    const auto here = [&]() HWY_ATTR { return Right<T>{values.data + e, values.stride}; };
    const auto to = [&]() HWY_ATTR { return Result<T>{at_.out + e, this->stride_}; };
    if constexpr (kQueries <= 2)
      for (; e + 2 * panel <= this->stride_; e += 2 * panel)
        add_values<kQueries, 4>(count, at_.scores, here(), to());
    for (; e < this->stride_; e += panel) add_values<kQueries, 2>(count, at_.scores, here(), to());
  }

  HWY_INLINE void score_keys(Span keys) {
    const int64_t count = keys.end - keys.begin, D = this->sizes_.D;
    const Rows& all = this->rows_;
    const Left<T> from = keys_of(this->problem_, all.batch, this->group_, keys.begin);
#if HWY_TARGET != HWY_SCALAR
    if (from.column == 1 && D % kSide<T> == 0) {
      with_rows<kTileRows>(all.rows, [&](auto queries) HWY_ATTR {
        if (count >= kSide<T>)
          scores_of_keys<queries>(Vector<T>(), count, D, from.data, from.row, at_.queries,
                                  at_.scores);
        else
          scores_of_last<queries>(count, D, from.data, from.row, at_.queries,
                                  at_.queries + kTileRows * D, at_.scores);
      });
      return;
    }
#endif
    for (int64_t i = 0; i < all.rows; ++i)
      gemm_column_numbers(count, D, from, Right<T>{at_.queries + i * D, 1},
                          at_.scores + i * kScoresOfQuery);
  }

  const Softmax<T>& softmax_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
