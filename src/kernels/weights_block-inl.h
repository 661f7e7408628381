// A block of queries whose weights are computed again.

#if defined(HEED_KERNELS_WEIGHTS_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_WEIGHTS_BLOCK_INL_H_
#undef HEED_KERNELS_WEIGHTS_BLOCK_INL_H_
#else
#define HEED_KERNELS_WEIGHTS_BLOCK_INL_H_
#endif

#include "kernels/layout-inl.h"
#include "kernels/masking.h"
#include "kernels/weights_tasks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

template <class T>
class WeightsBlock {
 public:
  WeightsBlock(const Problem<T>& problem, const RowStats<const T>& row_stats, const Score<T>& score,
               const Normalizer<T>& normalizer, const Rows& rows, const WeightsBuffers<T>& at)
      : problem_(problem),
        row_stats_(row_stats),
        score_(score),
        normalizer_(normalizer),
        rows_(rows),
        at_(at),
        group_(rows.head / (problem.sizes.H / problem.sizes.G)) {}

  /// Calls visit(weights, first row) for the tiles of `keys` with any weight in them. Their vectors
  /// are 0 beyond the last row.
  template <class Visit>
  HWY_INLINE void for_each(Span keys, Visit&& visit) {
    for_each_tile(problem_, rows_, keys, panel_width<T>(),
                  [&](int64_t first, int64_t rows, Span seen, Coverage coverage) HWY_ATTR {
                    if (!loaded_) load();
                    const Tile<T> tile{
                        at_.scores + first, kStride, rows_.batch, rows_.head,
                        rows_.row + first,  rows,    seen.begin,  seen.end - seen.begin};
                    if (compute(tile, first, coverage)) visit(tile, first);
                  });
  }

 private:
  /// The queries as the products want them; once, before the first tile.
  HWY_NOINLINE void load() {
    loaded_ = true;
    const Sizes& n = problem_.sizes;
    const auto q = rows_of(problem_.q, rows_.batch, rows_.head, rows_.row);
    queries_.transposed = transposed_rows(q, rows_.rows, n.D, problem_.scale, at_.queries);
    queries_.prepared = {at_.prepared, kStride};
    queries_.can_prepare = score_.prepare(queries_.transposed, rows_.rows, at_.prepared);
    const int64_t row = (rows_.batch * n.H + rows_.head) * n.Lq + rows_.row;
    const auto copy = [&](const T* from, T* to) {
      std::fill_n(to, kStride, T{0});
      std::copy_n(from + row, rows_.rows, to);
    };
    copy(row_stats_.first, at_.number.first), copy(row_stats_.second, at_.number.second);
  }

  /// Whether there is any weight.
  HWY_INLINE bool compute(const Tile<T>& tile, int64_t first, Coverage coverage) const {
    const KeyBlock<T> keys{rows_of(problem_.k, rows_.batch, group_, tile.column), {}, at_.keys};
    score_.forward(queries_.from(first), keys, tile);
    for (const Modifier<T>* modifier : problem_.modifiers) modifier->forward(tile);
    if (coverage == Coverage::part) hide(problem_, tile);
    const RowState<const T> number = at_.number.from(first);
    if (normalizer_.is_empty(tile, number)) return false;
    normalizer_.weights(tile, number);
    clear_beyond(tile);
    return true;
  }

  HWY_INLINE static void clear_beyond(const Tile<T>& tile) {
    const int64_t end = round_up(tile.rows, panel_width<T>());
    for (int64_t j = 0; j < tile.columns && tile.rows < end; ++j)
      std::fill(&tile(tile.rows, j), tile.data + j * tile.stride + end, T{0});
  }

  const Problem<T>& problem_;
  const RowStats<const T>& row_stats_;
  const Score<T>& score_;
  const Normalizer<T>& normalizer_;
  const Rows rows_;
  const WeightsBuffers<T>& at_;
  const int64_t group_;
  QueryBlock<T> queries_{};
  bool loaded_ = false;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
