// The micro-kernel of attention over packed panels of B. A piece of a panel, 128 steps of depth, is 16 KiB with AVX-512 and
// stays in the first-level cache for all rows of a task. Rows of A are read as they lie. Columns (of a gradient that is
// turned) are cut into tiles of six from end to end first: as they lie, neighbours of one step are a row apart, often a
// power of two, on a few sets of the cache.
#include "kernels/packed_product.h"

#include <algorithm>

#include "heed/core/threads.h"
#include "kernels/scratch.h"

#ifndef HEED_KERNELS_PACKED_PRODUCT_ONCE
#define HEED_KERNELS_PACKED_PRODUCT_ONCE
namespace heed::kernels {
constexpr int64_t kPieceOfColumns = 128;
}
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/packed_product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/gemm_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// visit(count, i) for tiles of at most kTileRows of m rows, as even as can be.
template <class Visit>
HWY_INLINE void for_tiles(int64_t m, const Visit& visit) {
  int64_t i = 0;
  for (int64_t tiles = divide_up(m, kTileRows), rows = 0; tiles > 0; --tiles, i += rows) {
    rows = divide_up(m - i, tiles);
    with_rows<kTileRows>(rows, [&](auto count) HWY_ATTR { visit(count, i); });
  }
}

/// The first `width` columns: to = from + bias, or to += from.
template <class T>
HWY_INLINE void finish_tile(int64_t m, int64_t width, bool add, const T* bias, Result<T> from,
                            Result<T> to) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto put = [&](const auto& tag, int64_t r, int64_t j) HWY_ATTR {
    auto v = hn::LoadU(tag, from.from(r, j).data);
    if (bias) v = hn::Add(v, hn::LoadU(tag, bias + j));
    if (add) v = hn::Add(hn::LoadU(tag, to.from(r, j).data), v);
    hn::StoreU(v, tag, to.from(r, j).data);
  };
  for (int64_t r = 0; r < m; ++r) {
    int64_t j = 0;
    for (; j + lanes <= width; j += lanes) put(d, r, j);
    for (; j < width; ++j) put(one, r, j);
  }
}

/// Rows first .. end - 1, at most kRowsTogether, and one block of columns. Sums come together apart, on memory from end to
/// end, and are written once.
template <class T>
HWY_NOINLINE void rows_of_product(const PackedProduct<T>& p, int64_t first, int64_t end,
                                  int64_t block) {
  const int64_t panel = panel_width<T>(), j = block * kPackedRows, m = end - first;
  const int64_t width = std::min(kPackedRows, p.n - j);
  HWY_ALIGN T apart[kRowsTogether * kPackedRows];
  const Result<T> sums{apart, kPackedRows};
  const auto a = p.a.from(first);
  for (int64_t column = 0; column < width; column += panel) {
    for (int64_t k = 0; k < std::max<int64_t>(p.depth, 1); k += kPieceOfColumns) {
      const int64_t depth = std::min(kPieceOfColumns, p.depth - k);
      const Left<T> left{a.data + k, a.row, 1};
      const Right<T> right{p.packed + (j + column) * p.depth + k * panel, panel};
      for_tiles(m, [&](auto rows, int64_t i) HWY_ATTR {
        if (k == 0)
          gemm_rows<rows, false>(depth, left.from(i), right, sums.from(i, column));
        else
          gemm_rows<rows, true>(depth, left.from(i), right, sums.from(i, column));
      });
    }
  }
  finish_tile(m, width, p.add, p.bias ? p.bias + j : nullptr, sums,
              Result<T>{p.c + first * p.stride + j, p.stride});
}

/// kRows columns of A over some steps of depth, from end to end. `row`: from step to step.
template <int kRows, class T>
HWY_INLINE void cut_columns(int64_t depth, const T* HWY_RESTRICT a, int64_t row,
                            T* HWY_RESTRICT to) {
  for (int64_t k = 0; k < depth; ++k, a += row, to += kRows)
    for (int i = 0; i < kRows; ++i) to[i] = a[i];
}

/// Rows first .. end - 1 of C, where A has columns. `cut`: memory for as many of them and a piece of depth.
template <class T>
HWY_NOINLINE void columns_of_product(const PackedProduct<T>& p, int64_t first, int64_t end,
                                     T* HWY_RESTRICT cut) {
  const int64_t panel = panel_width<T>(), m = end - first;
  HWY_ALIGN T apart[kTileRows * 2 * kMaxLanes];
  for (int64_t k = 0; k < std::max<int64_t>(p.depth, 1); k += kPieceOfColumns) {
    const int64_t depth = std::min(kPieceOfColumns, p.depth - k);
    for_tiles(m, [&](auto rows, int64_t i) HWY_ATTR {
      cut_columns<rows>(depth, p.a.data + k * p.a.column + first + i, p.a.column, cut + i * depth);
    });
    const bool add = p.add || k > 0;
    for (int64_t j = 0; j < p.n; j += panel) {
      const int64_t width = std::min(panel, p.n - j);
      const Right<T> right{p.packed + j * p.depth + k * panel, panel};
      for_tiles(m, [&](auto rows, int64_t i) HWY_ATTR {
        const Left<T> left{cut + i * depth, 1, rows};
        const Result<T> to{p.c + (first + i) * p.stride + j, p.stride}, sums{apart, panel};
        if (width == panel && add)
          gemm_rows<rows, true>(depth, left, right, to);
        else if (width == panel)
          gemm_rows<rows, false>(depth, left, right, to);
        else
          gemm_rows<rows, false>(depth, left, right, sums),
              finish_tile<T>(rows, width, add, nullptr, sums, to);
      });
    }
  }
}

/// Rows of B as they lie to one block of 64 columns.
template <class T>
HWY_NOINLINE void pack_columns(int64_t depth, int64_t width, const T* HWY_RESTRICT b,
                               int64_t stride, T* HWY_RESTRICT to) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), panel = 2 * lanes;
  for (int64_t j = 0; j < kPackedRows; j += panel) {
    for (int64_t k = 0; k < depth; ++k, to += panel) {
      const T* from = b + k * stride + j;
      if (j + panel <= width) {
        hn::StoreU(hn::LoadU(d, from), d, to);
        hn::StoreU(hn::LoadU(d, from + lanes), d, to + lanes);
      } else {
        for (int64_t i = 0; i < panel; ++i) to[i] = j + i < width ? from[i] : T{0};
      }
    }
  }
}

void rows_of_product_float(const PackedProduct<float>& p, int64_t i, int64_t end, int64_t block) {
  rows_of_product(p, i, end, block);
}
void rows_of_product_double(const PackedProduct<double>& p, int64_t i, int64_t end, int64_t block) {
  rows_of_product(p, i, end, block);
}
void columns_of_product_float(const PackedProduct<float>& p, int64_t i, int64_t end, float* cut) {
  columns_of_product(p, i, end, cut);
}
void columns_of_product_double(const PackedProduct<double>& p, int64_t i, int64_t end,
                               double* cut) {
  columns_of_product(p, i, end, cut);
}
void pack_columns_float(int64_t depth, int64_t width, const float* b, int64_t stride, float* to) {
  pack_columns(depth, width, b, stride, to);
}
void pack_columns_double(int64_t depth, int64_t width, const double* b, int64_t stride,
                         double* to) {
  pack_columns(depth, width, b, stride, to);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(rows_of_product_float);
HWY_EXPORT(rows_of_product_double);
HWY_EXPORT(columns_of_product_float);
HWY_EXPORT(columns_of_product_double);
HWY_EXPORT(pack_columns_float);
HWY_EXPORT(pack_columns_double);

/// Rows of A and blocks of B for each task. A task goes through as many blocks as a second-level cache holds.
template <class T, class Block>
void rows_by_tasks(const PackedProduct<T>& p, const Block& block) {
  constexpr int64_t kBytes = int64_t{1} << 19;
  const int64_t blocks = divide_up(p.n, kPackedRows), down = divide_up(p.m, kRowsTogether);
  const int64_t bytes = kPackedRows * std::max<int64_t>(p.depth, 1) * int64_t{sizeof(T)};
  const int64_t most = std::max<int64_t>(1, kBytes / bytes);
  const int64_t each = divide_up(blocks, divide_up(blocks, most));
  const int64_t across = divide_up(blocks, each);
  parallel_for(across * down, [&](int64_t task) {
    const int64_t i = task % down * kRowsTogether, first = task / down * each;
    for (int64_t b = first; b < std::min(first + each, blocks); ++b)
      block(p, i, std::min(i + kRowsTogether, p.m), b);
  });
}

/// Few rows of C make small tasks, so that there are some for each thread; many go together, because each task reads all of B.
template <class T, class Columns>
void columns_by_tasks(const PackedProduct<T>& p, const Columns& columns) {
  constexpr int64_t kMany = 768, kMost = 2 * kRowsTogether, kFew = kRowsTogether / 2;
  const int64_t each = p.m < kMany ? kFew : kMost;
  parallel_for(divide_up(p.m, each), [&](int64_t task) {
    auto* cut = reinterpret_cast<T*>(
        thread_scratch(static_cast<size_t>(kMost * kPieceOfColumns) * sizeof(T)));
    columns(p, task * each, std::min((task + 1) * each, p.m), cut);
  });
}

template <class T, class Pack>
void pack_by_blocks(int64_t depth, int64_t n, Left<T> b, T* packed, const Pack& pack) {
  if (b.column != 1) return pack_rows(b.data, n, depth, b.column, packed);
  const int64_t each = items_per_task(static_cast<double>(4 * kPackedRows * depth));
  const int64_t blocks = divide_up(n, kPackedRows);
  parallel_for(divide_up(blocks, each), [&](int64_t task) {
    for (int64_t i = task * each; i < std::min((task + 1) * each, blocks); ++i) {
      const int64_t j = i * kPackedRows;
      pack(depth, std::min(kPackedRows, n - j), b.data + j, b.row, packed + j * depth);
    }
  });
}

}  // namespace

void pack_panels(int64_t depth, int64_t n, Left<float> b, float* packed) {
  pack_by_blocks(depth, n, b, packed, HWY_DYNAMIC_DISPATCH(pack_columns_float));
}
void pack_panels(int64_t depth, int64_t n, Left<double> b, double* packed) {
  pack_by_blocks(depth, n, b, packed, HWY_DYNAMIC_DISPATCH(pack_columns_double));
}

void packed_product(const PackedProduct<float>& p) {
  if (p.m <= 0 || p.n <= 0) return;
  p.a.column == 1 ? rows_by_tasks(p, HWY_DYNAMIC_DISPATCH(rows_of_product_float))
                  : columns_by_tasks(p, HWY_DYNAMIC_DISPATCH(columns_of_product_float));
}
void packed_product(const PackedProduct<double>& p) {
  if (p.m <= 0 || p.n <= 0) return;
  p.a.column == 1 ? rows_by_tasks(p, HWY_DYNAMIC_DISPATCH(rows_of_product_double))
                  : columns_by_tasks(p, HWY_DYNAMIC_DISPATCH(columns_of_product_double));
}

}  // namespace heed::kernels
#endif
