// The micro-kernel of attention over blocks of 64 packed rows of W. A piece of a block, 256 x 64
// floats, is 64 KiB, which stays in the second-level cache for all rows of x; with one row of x
// the weights stream past once, from end to end.

#include "kernels/row_linear.h"

#include <algorithm>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm_tile-inl.h"
#include "kernels/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

constexpr int64_t kPieceOfDepth = 256;

/// Rows i .. i_end - 1 of y, at most kRowsTogether, in the columns of one block.
template <class T>
HWY_NOINLINE void rows_by_block(const RowLinear<T>& p, int64_t i, int64_t i_end, int64_t block) {
  const int64_t j = block * kPackedRows, width = std::min(kPackedRows, p.n - j), m = i_end - i;
  const bool is_whole = width == kPackedRows;
  HWY_ALIGN T apart[kRowsTogether * kPackedRows];
  const Result<T> y = is_whole ? Result<T>{p.y + i * p.n + j, p.n} : Result<T>{apart, kPackedRows};
  const Left<T> x{p.x + i * p.depth, p.depth, 1};
  const Right<T> w{p.packed + block * kPackedRows * p.depth, kPackedRows};
  const int64_t columns = round_up(width, panel_width<T>());
  int64_t k = 0;
  if (!p.bias && m > 1) {
    k = std::min(kPieceOfDepth, p.depth);
    gemm<false>(m, columns, k, x, w, y);
  }
  for (int64_t r = 0; r < m && k == 0; ++r) {
    T* to = y.data + r * y.stride;
    std::fill_n(to, columns, T{0});
    if (p.bias) std::copy_n(p.bias + j, width, to);
  }
  for (; k < p.depth; k += kPieceOfDepth)
    accumulate(m, columns, std::min(kPieceOfDepth, p.depth - k), Left<T>{x.data + k, x.row, 1},
               nullptr, w.from(k), y);
  for (int64_t r = 0; r < m && !is_whole; ++r)
    std::copy_n(apart + r * kPackedRows, width, p.y + (i + r) * p.n + j);
}

void rows_by_block_float(const RowLinear<float>& p, int64_t i, int64_t i_end, int64_t block) {
  rows_by_block(p, i, i_end, block);
}
void rows_by_block_double(const RowLinear<double>& p, int64_t i, int64_t i_end, int64_t block) {
  rows_by_block(p, i, i_end, block);
}

/// `rows` rows of W, at most kPackedRows, to the columns of a block. By strips of 16 rows, so that
/// what is read and what is written stay in the first-level cache.
template <class T>
HWY_NOINLINE void pack_block(const T* HWY_RESTRICT from, int64_t rows, int64_t depth,
                             int64_t stride, T* HWY_RESTRICT to) {
  int64_t turned_rows = 0, turned_depth = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t kStrip = 16;
  constexpr int64_t side = kSide<T>;
  const hn::FixedTag<T, side> d;
  turned_rows = rows / kStrip * kStrip, turned_depth = depth / side * side;
  for (int64_t strip = 0; strip < turned_rows; strip += kStrip) {
    for (int64_t k = 0; k < turned_depth; k += side) {
      for (int64_t j = strip; j < strip + kStrip; j += side) {
        hn::Vec<decltype(d)> square[side];
        for (int64_t i = 0; i < side; ++i) square[i] = hn::LoadU(d, from + (j + i) * stride + k);
        turn(d, square);
        for (int64_t i = 0; i < side; ++i) hn::StoreU(square[i], d, to + (k + i) * kPackedRows + j);
      }
    }
  }
#endif
  for (int64_t j = 0; j < rows; ++j)
    for (int64_t k = j < turned_rows ? turned_depth : 0; k < depth; ++k)
      to[k * kPackedRows + j] = from[j * stride + k];
}

void pack_block_float(const float* from, int64_t rows, int64_t depth, int64_t stride, float* to) {
  pack_block(from, rows, depth, stride, to);
}
void pack_block_double(const double* from, int64_t rows, int64_t depth, int64_t stride,
                       double* to) {
  pack_block(from, rows, depth, stride, to);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(rows_by_block_float);
HWY_EXPORT(rows_by_block_double);
HWY_EXPORT(pack_block_float);
HWY_EXPORT(pack_block_double);

template <class T, class Block>
void by_tasks(const RowLinear<T>& p, const Block& block) {
  const int64_t blocks = divide_up(p.n, kPackedRows), down = divide_up(p.m, kRowsTogether);
  const double operations = 2.0 * static_cast<double>(std::min(p.m, kRowsTogether) * kPackedRows);
  const int64_t each = items_per_task(operations * static_cast<double>(p.depth));
  const int64_t across = divide_up(blocks, each);
  parallel_for(across * down, [&](int64_t task) {
    const int64_t i = task % down * kRowsTogether, first = task / down * each;
    for (int64_t b = first; b < std::min(first + each, blocks); ++b)
      block(i, std::min(i + kRowsTogether, p.m), b);
  });
}

template <class T, class Block>
void pack(const T* weight, int64_t n, int64_t depth, int64_t stride, T* packed,
          const Block& block) {
  const int64_t blocks = divide_up(n, kPackedRows);
  const int64_t each = items_per_task(static_cast<double>(4 * kPackedRows * depth));
  parallel_for(divide_up(blocks, each), [&](int64_t task) {
    for (int64_t b = task * each; b < std::min((task + 1) * each, blocks); ++b) {
      T* to = packed + b * kPackedRows * depth;
      const int64_t rows = std::min(kPackedRows, n - b * kPackedRows);
      if (rows < kPackedRows) std::fill_n(to, kPackedRows * depth, T{0});
      block(weight + b * kPackedRows * stride, rows, depth, stride, to);
    }
  });
}

}  // namespace

void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, float* packed) {
  pack(weight, n, depth, stride, packed, HWY_DYNAMIC_DISPATCH(pack_block_float));
}

void pack_rows(const double* weight, int64_t n, int64_t depth, int64_t stride, double* packed) {
  pack(weight, n, depth, stride, packed, HWY_DYNAMIC_DISPATCH(pack_block_double));
}

void row_linear(const RowLinear<float>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t block) {
    HWY_DYNAMIC_DISPATCH(rows_by_block_float)(p, i, i_end, block);
  });
}

void row_linear(const RowLinear<double>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t block) {
    HWY_DYNAMIC_DISPATCH(rows_by_block_double)(p, i, i_end, block);
  });
}

}  // namespace heed::kernels
#endif
