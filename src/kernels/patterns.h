// Sparse patterns: who sees whom by a rule on positions. A query of position p (its row plus the
// offset of the first query among the keys) and a key j. Each pattern answers three questions in
// O(1), from which PatternMask makes a mask:
//   sees(p, j)        whether position p sees key j
//   any(p0, p1, j)    whether any of the positions p0 .. p1 does
//   every(p0, p1, j)  whether all of them do; may say no where that is not simple to know
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "kernels/attend.h"

namespace heed::kernels {

/// The keys 0 .. length - 1.
struct Prefix {
  int64_t length;

  bool sees(int64_t, int64_t j) const noexcept { return j < length; }
  bool any(int64_t, int64_t, int64_t j) const noexcept { return j < length; }
  bool every(int64_t, int64_t, int64_t j) const noexcept { return j < length; }
};

/// The first `count` tokens see everything and are seen by everyone (Beltagy et al. 2020).
struct Global {
  int64_t count;

  bool sees(int64_t p, int64_t j) const noexcept { return p < count || j < count; }
  bool any(int64_t p0, int64_t, int64_t j) const noexcept { return sees(p0, j); }
  bool every(int64_t, int64_t p1, int64_t j) const noexcept { return sees(p1, j); }
};

/// Every step-th key, up to left steps before the position and right steps after it (Beltagy et al.
/// 2020).
struct Dilated {
  int64_t left, right, step;

  bool sees(int64_t p, int64_t j) const noexcept { return any(p, p, j); }
  bool any(int64_t p0, int64_t p1, int64_t j) const noexcept;
  bool every(int64_t p0, int64_t p1, int64_t j) const noexcept { return p0 == p1 && sees(p0, j); }
};

/// The last `stride` keys and every stride-th before them (Child et al. 2019, strided).
struct Strided {
  int64_t stride;

  bool sees(int64_t p, int64_t j) const noexcept { return any(p, p, j); }
  bool any(int64_t p0, int64_t p1, int64_t j) const noexcept;
  bool every(int64_t p0, int64_t p1, int64_t j) const noexcept {
    return p0 >= j && (p1 - j < stride || stride == 1);
  }
};

/// The keys so far of the position's own block of `stride`, and the last `summary` of every block
/// before it (Child et al. 2019, fixed).
struct Fixed {
  int64_t stride, summary;

  bool sees(int64_t p, int64_t j) const noexcept { return any(p, p, j); }
  bool any(int64_t p0, int64_t p1, int64_t j) const noexcept;
  bool every(int64_t p0, int64_t p1, int64_t j) const noexcept {
    return p0 >= j && (sums_up(j) || p1 / stride == j / stride);
  }
  bool sums_up(int64_t j) const noexcept { return j % stride >= stride - summary; }
};

template <class T, class Pattern>
class PatternMask final : public Mask<T> {
 public:
  PatternMask(Pattern pattern, int64_t query_offset)
      : pattern_(std::move(pattern)), offset_(query_offset) {}

  Coverage coverage(int64_t, int64_t, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override {
    const int64_t p0 = row + offset_, p1 = p0 + rows - 1;
    bool any = false, all = true;
    for (int64_t j = column; j < column + columns && (all || !any); ++j) {
      any |= pattern_.any(p0, p1, j), all &= pattern_.every(p0, p1, j);
    }
    return all ? Coverage::all : any ? Coverage::part : Coverage::none;
  }

  Span span(int64_t, int64_t, int64_t row, int64_t rows, Span within) const noexcept override {
    const int64_t p0 = row + offset_, p1 = p0 + rows - 1;
    while (within.begin < within.end && !pattern_.any(p0, p1, within.begin)) ++within.begin;
    while (within.begin < within.end && !pattern_.any(p0, p1, within.end - 1)) --within.end;
    return within;
  }

  void apply(const Tile<T>& scores) const noexcept override {
    for (int64_t j = 0; j < scores.columns; ++j) {
      for (int64_t i = 0; i < scores.rows; ++i) {
        if (!pattern_.sees(scores.row + i + offset_, scores.column + j)) {
          scores(i, j) = -std::numeric_limits<T>::infinity();
        }
      }
    }
  }

 private:
  Pattern pattern_;
  int64_t offset_;
};

}  // namespace heed::kernels
