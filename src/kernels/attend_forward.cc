// Forward: blocks of queries are independent, so each is its own piece of work, whatever the number
// of heads.
//
// For a block of queries the keys pass by in blocks. Tile by tile: scores S^T = K Q^T
// (keys by queries), modify, mask, normalize down the columns, out += P V. Only Q is repacked, once
// a block. Operations 4 Lq Lk D a head; extra memory is that of a block, a thread's.
//
// A normalizer that must see a whole row first gets one panel of queries at a time and all of their
// scores, Lk x 16 numbers (AVX2, float32), which stay in the second-level cache up to some 4096
// keys; then the tiles whose weights are not all zero meet the values.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attend_forward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "heed/core/threads.h"
#include "kernels/few_queries-inl.h"
#include "kernels/forward_block-inl.h"
#include "kernels/normalizers-inl.h"
#include "kernels/scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
class TileBlock final : public Block<T> {
 public:
  static int64_t queries(const Problem<T>& problem) { return queries_of_block(problem); }

  TileBlock(const Problem<T>& problem, const Score<T>& score, const TileNormalizer<T>& normalizer,
            const Rows& rows, const Buffers<T>& at)
      : Block<T>(problem, score, rows, at), normalizer_(normalizer) {}

  HWY_NOINLINE void run(View<T> out, const RowStats<T>& row_stats) {
    this->begin();
    sweep(row_stats.logsumexp);
    this->write_row_stats(row_stats);
    if (!normalizer_.averages()) return this->write(at_.rescale, out);
    this->write_averages(out, [&]() HWY_ATTR { sweep(nullptr); });
  }

 private:
  using Block<T>::at_;

  HWY_INLINE void sweep(T* logsumexp) {
    this->clear_sums();
    normalizer_.begin(at_.state, kStride);
    for_each_tile(this->problem_, this->rows_, {0, this->sizes_.Lk}, panel_width<T>(),
                  [&](int64_t first, int64_t rows, Span keys, Coverage coverage)
                      HWY_ATTR { tile(first, rows, keys, coverage); });
    normalizer_.finish(at_.state, this->rows_.head, this->rows_.rows, at_.rescale,
                       logsumexp ? at_.logsumexp : nullptr);
    this->close_sums();
  }

  HWY_INLINE void tile(int64_t first, int64_t rows, Span keys, Coverage coverage) {
    const Rows& all = this->rows_;
    const Tile<T> scores{at_.scores + first, kStride, all.batch,  all.head,
                         all.row + first,    rows,    keys.begin, keys.end - keys.begin};
    this->enter(scores);
    this->score(scores, first, coverage);
    const Right<T> values = this->values(scores);
    const Hidden hidden = this->hidden(scores, coverage, values);
    if (normalizer_.forward(scores, at_.state.from(first), at_.rescale)) this->rescale(first, rows);
    this->accumulate_values(scores, first, hidden, values);
  }

  const TileNormalizer<T>& normalizer_;
};

/// One panel of queries.
template <class T>
class RowBlock final : public Block<T> {
 public:
  static int64_t queries(const Problem<T>&) { return panel_width<T>(); }

  RowBlock(const Problem<T>& problem, const Score<T>& score, const RowNormalizer<T>& normalizer,
           const Rows& rows, const Buffers<T>& at)
      : Block<T>(problem, score, rows, at), normalizer_(normalizer) {}

  HWY_NOINLINE void run(View<T> out, const RowStats<T>& row_stats) {
    this->begin();
    this->clear_sums();
    Tile<T> all{at_.scores,
                panel_width<T>(),
                this->rows_.batch,
                this->rows_.head,
                this->rows_.row,
                this->rows_.rows,
                0,
                0};
    const auto for_each = [&](auto&& visit) HWY_ATTR {
      all.columns = 0;
      for_each_tile(this->problem_, this->rows_, {0, this->sizes_.Lk}, panel_width<T>(),
                    [&](int64_t, int64_t, Span keys, Coverage coverage) HWY_ATTR {
                      Tile<T> tile = all;
                      tile.data += all.columns * all.stride;
                      tile.column = keys.begin, tile.columns = keys.end - keys.begin;
                      all.columns += tile.columns;
                      visit(tile, coverage);
                    });
    };
    int64_t parts = 0;
    for_each([&](const Tile<T>& scores, Coverage coverage) HWY_ATTR {
      this->score(scores, 0, coverage);
      at_.parts[parts++] = {all.columns, scores.column / kStretch};
    });
    const RowState<T> number{at_.state.first, at_.state.second};
    normalizer_.solve(all, at_.parts, parts, number);
    for_each([&](const Tile<T>& scores, Coverage coverage) HWY_ATTR {
      if (normalizer_.is_empty(scores, number)) return;
      this->enter(scores);
      const Right<T> values = this->values(scores);
      const Hidden hidden = this->hidden(scores, coverage, values);
      normalizer_.weights(scores, number);
      this->accumulate_values(scores, 0, hidden, values);
    });
    this->close_sums();
    for (int64_t i = 0; row_stats.logsumexp && i < all.rows; ++i)
      at_.logsumexp[i] = normalizer_.logsumexp(all.head, number.first[i], number.second[i]);
    this->write_row_stats(row_stats);
    this->write(nullptr, out);
  }

 private:
  using Block<T>::at_;
  const RowNormalizer<T>& normalizer_;
};

/// Every block of queries; `strip`: keys whose scores are kept at the same time.
template <class OfKind, class T, class Kind>
void run_blocks(const Problem<T>& problem, const Score<T>& score, const Kind& normalizer,
                int64_t strip, View<T> out, const RowStats<T>& row_stats) {
  const Sizes& n = problem.sizes;
  const int64_t at_once = OfKind::queries(problem);
  const int64_t blocks = divide_up(n.Lq, at_once), items = n.B * n.H * blocks;
  const double operations = 2.0 * std::min(n.Lq, at_once) * n.Lk * (n.D + n.E);
  const int64_t each = items_per_task(operations);
  const int64_t bytes = n.Lk * (n.D + n.E) * static_cast<int64_t>(sizeof(T));
  parallel_for(divide_up(items, each), [&](int64_t task) HWY_ATTR {
    Arena count;
    Buffers<T>(count, problem, score.prepares(), strip);
    Arena arena(thread_scratch(count.used()));
    const Buffers<T> buffers(arena, problem, score.prepares(), strip);
    for (int64_t item = task * each; item < std::min(items, (task + 1) * each); ++item) {
      const auto [head, piece] = turn_of(item, n.B * n.H, blocks, bytes);
      // The last block first: under a causal mask it is the longest, and long pieces should not
      // come last.
      const int64_t row = (blocks - 1 - piece) * at_once;
      const Rows rows{head / n.H, head % n.H, row, std::min(at_once, n.Lq - row)};
      OfKind(problem, score, normalizer, rows, buffers).run(out, row_stats);
    }
  });
}

template <class T>
void forward_with(const Problem<T>& problem, const Score<T>& score,
                  const TileNormalizer<T>& normalizer, View<T> out, const RowStats<T>& row_stats) {
  run_blocks<TileBlock<T>>(problem, score, normalizer, 0, out, row_stats);
}

template <class T>
void forward_with(const Problem<T>& problem, const Score<T>& score,
                  const RowNormalizer<T>& normalizer, View<T> out, const RowStats<T>& row_stats) {
  run_blocks<RowBlock<T>>(problem, score, normalizer, problem.sizes.Lk, out, row_stats);
}

template <class T>
void forward(const Problem<T>& problem, View<T> out, const RowStats<T>& row_stats) {
  if (FewQueries<T>::suits(problem)) {
    return run_blocks<FewQueries<T>>(problem, DotScore<T>(problem.sizes.D),
                                     Softmax<T>(problem.per_head), 0, out, row_stats);
  }
  with_score(problem, [&](const Score<T>& score) {
    with_normalizer(problem, [&](const auto& normalizer) {
      forward_with(problem, score, normalizer, out, row_stats);
    });
  });
}

}  // namespace

void forward_float(const Problem<float>& problem, View<float> out,
                   const RowStats<float>& row_stats) {
  forward(problem, out, row_stats);
}
void forward_double(const Problem<double>& problem, View<double> out,
                    const RowStats<double>& row_stats) {
  forward(problem, out, row_stats);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);

template <>
void attend_forward(const Problem<float>& problem, View<float> out,
                    const RowStats<float>& row_stats) {
  HWY_DYNAMIC_DISPATCH(forward_float)(problem, out, row_stats);
}

template <>
void attend_forward(const Problem<double>& problem, View<double> out,
                    const RowStats<double>& row_stats) {
  HWY_DYNAMIC_DISPATCH(forward_double)(problem, out, row_stats);
}

}  // namespace heed::kernels
#endif
