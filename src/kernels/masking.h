// All masks of a problem as one, and the tiles that they leave to be computed.
#pragma once

#include <algorithm>

#include "kernels/attend.h"
#include "kernels/blocks.h"

namespace heed::kernels {

/// Queries row .. row + rows - 1 of a head.
struct Rows {
  int64_t batch, head, row, rows;

  Rows part(int64_t first, int64_t count) const { return {batch, head, row + first, count}; }
};

template <class T>
Span span_of(const Problem<T>& problem, const Rows& rows, Span within) {
  for (const Mask<T>* mask : problem.masks) {
    within = mask->span(rows.batch, rows.head, rows.row, rows.rows, within);
  }
  return within;
}

template <class T>
Coverage coverage_of(const Problem<T>& problem, const Rows& rows, Span keys) {
  Coverage all = Coverage::all;
  for (const Mask<T>* mask : problem.masks) {
    const Coverage one = mask->coverage(rows.batch, rows.head, rows.row, rows.rows, keys.begin,
                                        keys.end - keys.begin);
    if (one == Coverage::none) return one;
    if (one == Coverage::part) all = one;
  }
  return all;
}

template <class T>
void hide(const Problem<T>& problem, const Tile<T>& scores) {
  for (const Mask<T>* mask : problem.masks) mask->apply(scores);
}

/// Calls visit(first, rows, keys, coverage) for every tile of a block of queries that has something
/// to see among `keys`. Where the edge of what may be seen runs through a tile, each panel of
/// `panel` queries is a tile of its own, no wider than what it sees: a causal diagonal then costs a
/// panel's triangle and not a block's.
template <class T, class Visit>
void for_each_tile(const Problem<T>& problem, const Rows& block, Span keys, int64_t panel,
                   Visit&& visit) {
  const Span seen = span_of(problem, block, keys);
  for (int64_t j = seen.begin; j < seen.end; j += kKeys) {
    const Span tile{j, std::min(j + kKeys, seen.end)};
    const Coverage coverage = coverage_of(problem, block, tile);
    if (coverage == Coverage::none) continue;
    bool whole = true;
    for (int64_t i = 0; coverage == Coverage::part && whole && i < block.rows; i += panel) {
      const Span part = span_of(problem, block.part(i, std::min(panel, block.rows - i)), tile);
      whole = part.begin == tile.begin && part.end == tile.end;
    }
    if (whole) {
      visit(0, block.rows, tile, coverage);
      continue;
    }
    for (int64_t i = 0; i < block.rows; i += panel) {
      const Rows rows = block.part(i, std::min(panel, block.rows - i));
      const Span part = span_of(problem, rows, tile);
      if (part.begin >= part.end) continue;
      const Coverage of_panel = coverage_of(problem, rows, part);
      if (of_panel != Coverage::none) visit(i, rows.rows, part, of_panel);
    }
  }
}

}  // namespace heed::kernels
