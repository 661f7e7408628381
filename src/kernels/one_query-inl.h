// Forward of a query alone, as decoding asks for it.
//
// Its scores lie side by side, so that a vector holds many keys of the one query, where a tile's
// holds one key of many queries, of which all but one would be padding. Every number is made as a
// tile makes it and sums go over the keys in order: the row has the bits that it has among others.

#if defined(HEED_KERNELS_ONE_QUERY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ONE_QUERY_INL_H_
#undef HEED_KERNELS_ONE_QUERY_INL_H_
#else
#define HEED_KERNELS_ONE_QUERY_INL_H_
#endif

#include "kernels/dot_score-inl.h"
#include "kernels/forward_block-inl.h"
#include "kernels/softmax_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class OneQuery final : public Block<T> {
 public:
  static int64_t queries(const Problem<T>&) { return 1; }

  /// The commonest problem of decoding; modifiers may write whole panels of queries.
  static bool suits(const Problem<T>& problem) {
    return problem.sizes.Lq == 1 && problem.score == ScoreKind::dot &&
           problem.normalizer == NormalizerKind::softmax && problem.modifiers.empty() &&
           problem.dropout == 0 && !problem.distance_values.table;
  }

  OneQuery(const Problem<T>& problem, const Score<T>& score, const Softmax<T>& softmax,
           const Rows& row, const Buffers<T>& at)
      : Block<T>(problem, score, row, at), softmax_(softmax) {}

  HWY_NOINLINE void run(View<T> out, const RowStats<T>& row_stats) {
    const Left<T> query =
        rows_of(this->problem_.q, this->rows_.batch, this->rows_.head, this->rows_.row);
    for (int64_t e = 0; e < this->sizes_.D; ++e)
      at_.queries[e] = query.data[e * query.column] * this->problem_.scale;
    sweep(row_stats.logsumexp);
    this->write_row_stats(row_stats);
    this->write_averages(out, [&]() HWY_ATTR { sweep(nullptr); });
  }

 private:
  using Block<T>::at_;

  HWY_INLINE void sweep(T* logsumexp) {
    this->clear_sums();
    softmax_.begin(at_.state, 1);
    for_each_tile(this->problem_, this->rows_, {0, this->sizes_.Lk}, 1,
                  [&](int64_t, int64_t, Span keys, Coverage coverage)
                      HWY_ATTR { tile(keys, coverage); });
    softmax_.finish(at_.state, this->rows_.head, 1, at_.rescale,
                    logsumexp ? at_.logsumexp : nullptr);
    this->close_sums();
  }

  HWY_INLINE void tile(Span keys, Coverage coverage) {
    const Rows& row = this->rows_;
    const Tile<T> scores{at_.scores, 1, row.batch,  row.head,
                         row.row,    1, keys.begin, keys.end - keys.begin};
    this->enter(scores);
    gemm_column(scores.columns, this->sizes_.D,
                keys_of(this->problem_, row.batch, this->group_, keys.begin),
                Right<T>{at_.queries, 1}, scores.data);
    if (coverage == Coverage::part) hide(this->problem_, scores);
    const Right<T> values = this->values(scores);
    const Hidden hidden = this->hidden(scores, coverage, values);
    at_.rescale[0] = softmax_.forward_one(scores, at_.state);
    if (at_.rescale[0] != 1) this->rescale(0, 1);
    this->accumulate_values(scores, 0, hidden, values);
  }

  const Softmax<T>& softmax_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
