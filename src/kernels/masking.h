// All masks of a problem as one, and the tiles that they leave to be computed.
#pragma once

#include <algorithm>

#include "kernels/attend.h"
#include "kernels/blocks.h"

namespace heed::kernels {

/// The tile where it stands in the call of which the problem is a part.
template <class T>
Tile<T> in_whole(const Problem<T>& problem, Tile<T> tile) {
  tile.row += problem.row, tile.column += problem.column;
  return tile;
}

/// Queries row .. row + rows - 1 of a head.
struct Rows {
  int64_t batch, head, row, rows;

  Rows part(int64_t first, int64_t count) const { return {batch, head, row + first, count}; }
};

template <class T>
Span span_of(const Problem<T>& problem, const Rows& rows, Span within) {
  within = {within.begin + problem.column, within.end + problem.column};
  for (const Mask<T>* mask : problem.masks) {
    within = mask->span(rows.batch, rows.head, rows.row + problem.row, rows.rows, within);
  }
  return {within.begin - problem.column, within.end - problem.column};
}

template <class T>
Coverage coverage_of(const Problem<T>& problem, const Rows& rows, Span keys) {
  Coverage all = Coverage::all;
  for (const Mask<T>* mask : problem.masks) {
    const Coverage one = mask->coverage(rows.batch, rows.head, rows.row + problem.row, rows.rows,
                                        keys.begin + problem.column, keys.end - keys.begin);
    if (one == Coverage::none) return one;
    if (one == Coverage::part) all = one;
  }
  return all;
}

template <class T>
void hide(const Problem<T>& problem, const Tile<T>& scores) {
  for (const Mask<T>* mask : problem.masks) mask->apply(in_whole(problem, scores));
}

/// The panels of a tile, in runs that see the same keys.
template <class T, class Visit>
void visit_panels(const Problem<T>& problem, const Rows& block, Span tile, int64_t panel,
                  Visit&& visit) {
  struct Run {
    int64_t first = 0, rows = 0;
    Span keys{0, 0};
    Coverage coverage = Coverage::none;
  } run;
  for (int64_t i = 0; i < block.rows; i += panel) {
    const Rows rows = block.part(i, std::min(panel, block.rows - i));
    const Span part = span_of(problem, rows, tile);
    Coverage coverage = Coverage::none;
    if (part.begin < part.end) coverage = coverage_of(problem, rows, part);
    const bool alike = coverage == run.coverage && part.begin == run.keys.begin &&
                       part.end == run.keys.end && run.rows > 0;
    if (alike) {
      run.rows += rows.rows;
      continue;
    }
    if (run.coverage != Coverage::none) visit(run.first, run.rows, run.keys, run.coverage);
    run = {i, rows.rows, part, coverage};
  }
  if (run.coverage != Coverage::none) visit(run.first, run.rows, run.keys, run.coverage);
}

/// Of what number tiles begin at a multiple.
template <class T>
int64_t alignment_of(const Problem<T>& problem) {
  int64_t alignment = 1;
  for (const Mask<T>* mask : problem.masks) alignment = std::max(alignment, mask->alignment());
  return alignment;
}

/// The largest number up to `most` that is a multiple of `alignment`, or one of several alike that
/// make up an alignment; `most` if all of those are small.
inline int64_t aligned_part(int64_t most, int64_t alignment) {
  if (alignment <= most) return most / alignment * alignment;
  for (int64_t part = most; part > most / 2; --part)
    if (alignment % part == 0) return part;
  return most;
}

/// How many queries a block takes: whole panels.
template <class T>
int64_t queries_of_block(const Problem<T>& problem) {
  const int64_t queries = aligned_part(kQueries, alignment_of(problem));
  return queries % kAlign == 0 ? queries : kQueries;
}

/// Calls visit(first, rows, keys, coverage) for every tile of a block of queries that has something
/// to see among `keys`. Where the edge of what may be seen runs through a tile, panels of `panel`
/// queries are tiles of their own, no wider than what they see, neighbours that see alike together:
/// a causal diagonal then costs a panel's triangle and not a block's. Tiles end at multiples of
/// their width, wherever the first begins: sums over a tile then are of the same keys for every row
/// that sees them, whatever the rows beside it see.
template <class T, class Visit>
void for_each_tile(const Problem<T>& problem, const Rows& block, Span keys, int64_t panel,
                   Visit&& visit) {
  const Span seen = span_of(problem, block, keys);
  const int64_t at_once = aligned_part(kKeys, alignment_of(problem));
  for (int64_t j = seen.begin, end; j < seen.end; j = end) {
    end = std::min(j / at_once * at_once + at_once, seen.end);
    const Span tile{j, end};
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
    visit_panels(problem, block, tile, panel, visit);
  }
}

}  // namespace heed::kernels
