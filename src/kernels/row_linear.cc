// The micro-kernel of attention over packed panels of W: the rows that make the columns of two
// vectors of y, step by step of depth. A piece of a panel, 128 x 64 bytes with AVX2, is 8 KiB from
// end to end and stays in the first-level cache for all rows of x. Its sums start at 0 and are
// added to y once: that costs 2 % of the instructions and keeps 4096 terms from being one chain.
// (Blocks of 64 rows side by side put a panel's lines 256 bytes apart, on a quarter of the cache's
// sets: 0.75 of this speed with 32 rows of x.) With one row of x the panels of a block stream past,
// all at once.

#include "kernels/row_linear.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "heed/core/threads.h"
#include "kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/function-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

constexpr int64_t kPieceOfDepth = 128;
constexpr int64_t kLine = 64;  // bytes of a cache's line

/// The two vectors of a panel at one step of depth, as they lie there.
template <class T, class V>
HWY_INLINE void load_panel(const T* HWY_RESTRICT w, V& low, V& high) {
  const Vector<T> d;
  low = hn::LoadU(d, w), high = hn::LoadU(d, w + hn::Lanes(d));
}
template <class V>
HWY_INLINE void load_panel(const TwoBfloat16* HWY_RESTRICT w, V& low, V& high) {
  const Vector<float> d;
  const hn::RebindToUnsigned<Vector<float>> words;
  const auto both = hn::LoadU(words, reinterpret_cast<const uint32_t*>(w));
  low = hn::BitCast(d, hn::ShiftLeft<16>(both));
  high = hn::BitCast(d, hn::And(both, hn::Set(words, 0xffff0000u)));
}

/// Words of W in a panel at one step of depth.
template <class T, class W>
HWY_INLINE int64_t panel_words() {
  return panel_width<T>() / kNumbersOfWord<W>;
}

/// One row of y in kPanels panels, whose sums do not wait for each other, of a piece of depth.
/// `apart`: from panel to panel. kAdd: y += the sums.
template <int kPanels, bool kAdd, class T, class W>
HWY_INLINE void row_by_panels(int64_t depth, int64_t apart, const T* HWY_RESTRICT x,
                              const W* HWY_RESTRICT w, T* HWY_RESTRICT y) {
  const Vector<T> d;
  using V = hn::Vec<Vector<T>>;
  const int64_t panel = panel_width<T>(), lanes = panel / 2, step = panel_words<T, W>();
  const auto load = [&](const T* from) HWY_ATTR { return hn::LoadU(d, from); };
  V c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  HWY_UNROLL(4)
  for (int64_t k = 0; k < depth; ++k, w += step) {
    const V element = hn::Set(d, x[k]);
    const auto add = [&](int p, V& low, V& high) HWY_ATTR {
      V b0, b1;
      load_panel(w + p * apart, b0, b1);
      low = hn::MulAdd(element, b0, low), high = hn::MulAdd(element, b1, high);
    };
    add(0, c0, c1);
    if constexpr (kPanels > 1) add(1, c2, c3);
    if constexpr (kPanels > 2) add(2, c4, c5), add(3, c6, c7);
  }
  const auto put = [&](T* to, V sum)
                       HWY_ATTR { hn::StoreU(kAdd ? hn::Add(load(to), sum) : sum, d, to); };
  const auto end = [&](int p, V low, V high)
                       HWY_ATTR { put(y + p * panel, low), put(y + p * panel + lanes, high); };
  end(0, c0, c1);
  if constexpr (kPanels > 1) end(1, c2, c3);
  if constexpr (kPanels > 2) end(2, c4, c5), end(3, c6, c7);
}

/// All pieces of depth of that.
template <int kPanels, class T, class W>
HWY_INLINE void row_by_pieces(int64_t depth, const T* x, const W* w, T* y) {
  const int64_t step = panel_words<T, W>(), apart = step * depth;
  row_by_panels<kPanels, false>(std::min(kPieceOfDepth, depth), apart, x, w, y);
  for (int64_t k = kPieceOfDepth; k < depth; k += kPieceOfDepth)
    row_by_panels<kPanels, true>(std::min(kPieceOfDepth, depth - k), apart, x + k, w + k * step, y);
}

/// y = x W^T for one row of x and the first `columns` columns of a block.
template <class T, class W>
HWY_INLINE void one_row(int64_t columns, int64_t depth, const T* x, const W* w, T* y) {
  const int64_t panel = panel_width<T>();
  const auto at = [&](int64_t j) HWY_ATTR { return w + j * depth / kNumbersOfWord<W>; };
  int64_t j = 0;
  for (; j + 4 * panel <= columns; j += 4 * panel) row_by_pieces<4>(depth, x, at(j), y + j);
  if (j + 2 * panel <= columns) row_by_pieces<2>(depth, x, at(j), y + j), j += 2 * panel;
  if (j < columns) row_by_pieces<1>(depth, x, at(j), y + j);
}

/// kRows rows and one panel of y over a piece of depth, as gemm_rows adds. kAhead: of what lies at
/// `ahead`, a line a step comes to the second-level cache meanwhile.
template <int kRows, bool kAdd, bool kAhead, class T, class W>
HWY_INLINE void tile_of_panel(int64_t depth, Left<T> x, Right<W> w, Result<T> y,
                              const char* ahead) {
  const Vector<T> d;
  using V = hn::Vec<Vector<T>>;
  const int64_t lanes = panel_width<T>() / 2, step = panel_words<T, W>();
  V low[kRows], high[kRows];
  for (int i = 0; i < kRows; ++i) low[i] = high[i] = hn::Zero(d);
  const T* HWY_RESTRICT left = x.data;
  const W* HWY_RESTRICT right = w.data;
  HWY_UNROLL(4)
  for (int64_t k = 0; k < depth; ++k, right += step) {
    V b0, b1;
    load_panel(right, b0, b1);
    for (int i = 0; i < kRows; ++i) {
      const V element = hn::Set(d, left[i * x.row + k]);
      low[i] = hn::MulAdd(element, b0, low[i]), high[i] = hn::MulAdd(element, b1, high[i]);
    }
    if constexpr (kAhead) __builtin_prefetch(ahead + k * kLine, 0, 2);
  }
  for (int i = 0; i < kRows; ++i) {
    T* to = y.data + i * y.stride;
    hn::StoreU(kAdd ? hn::Add(hn::LoadU(d, to), low[i]) : low[i], d, to);
    hn::StoreU(kAdd ? hn::Add(hn::LoadU(d, to + lanes), high[i]) : high[i], d, to + lanes);
  }
}

/// Rows of one panel over a piece of depth, while the first two tiles fetch the piece that comes
/// next: W lies from end to end, and a large model's weights come from memory for every call. Of 18
/// rows of x the first of three tiles would wait for them, and memory for the others.
template <bool kAdd, class T, class W>
HWY_INLINE void panel_of_rows(int64_t m, int64_t depth, Left<T> x, Right<W> w, Result<T> y) {
  const auto* ahead = reinterpret_cast<const char*>(w.data + depth * w.stride);
  int64_t i = 0;
  for (int64_t tiles = divide_up(m, kTileRows), rows = 0, turn = 0; turn < tiles; ++turn) {
    rows = divide_up(m - i, tiles - turn);
    with_rows<kTileRows>(rows, [&](auto count) HWY_ATTR {
      if (turn < 2 && tiles > 1)
        tile_of_panel<count, kAdd, true>(depth, x.from(i), w, y.from(i),
                                         ahead + turn * depth * kLine);
      else
        tile_of_panel<count, kAdd, false>(depth, x.from(i), w, y.from(i), ahead);
    });
    i += rows;
  }
}

/// y = x W^T for some rows of x and the first `columns` columns of a block.
template <class T, class W>
HWY_INLINE void some_rows(int64_t m, int64_t columns, int64_t depth, const T* x, const W* w,
                          Result<T> y) {
  const int64_t panel = panel_width<T>();
  for (int64_t j = 0; j < columns; j += panel) {
    const Left<T> left{x, depth, 1};
    const Right<W> right{w + j * depth / kNumbersOfWord<W>, panel_words<T, W>()};
    panel_of_rows<false>(m, std::min(kPieceOfDepth, depth), left, right, y.from(0, j));
    for (int64_t k = kPieceOfDepth; k < depth; k += kPieceOfDepth)
      panel_of_rows<true>(m, std::min(kPieceOfDepth, depth - k), Left<T>{x + k, depth, 1},
                          right.from(k), y.from(0, j));
  }
}

/// `to` = y + bias for some rows, in the first `width` columns of a block. `to` may be y, and there
/// may be no bias.
template <class T>
HWY_INLINE void finish_rows(int64_t m, int64_t width, const T* bias, Result<T> y, Result<T> to) {
  const hn::CappedTag<T, kMaxLanes> d;
  const hn::CappedTag<T, 1> one;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto add = [&](const auto& tag, int64_t r, int64_t j) HWY_ATTR {
    auto v = hn::LoadU(tag, y.from(r, j).data);
    if (bias) v = hn::Add(v, hn::LoadU(tag, bias + j));
    hn::StoreU(v, tag, to.from(r, j).data);
  };
  for (int64_t r = 0; r < m; ++r) {
    int64_t j = 0;
    for (; j + lanes <= width; j += lanes) add(d, r, j);
    for (; j < width; ++j) add(one, r, j);
  }
}

/// Rows i .. i_end - 1 of y, at most kRowsTogether, in the columns of one block. Sums of several rows
/// come together apart, on 12 KiB from end to end: rows of y may be a power of two apart, on the
/// same few sets of a cache, and are written once.
template <class T, class W>
HWY_NOINLINE void rows_by_block(const RowLinear<T, W>& p, int64_t i, int64_t i_end, int64_t block) {
  const int64_t j = block * kPackedRows, width = std::min(kPackedRows, p.n - j), m = i_end - i;
  const int64_t columns = round_up(width, panel_width<T>());
  HWY_ALIGN T apart[kRowsTogether * kPackedRows];
  const Result<T> to{p.y + i * p.n + j, p.n};
  const bool direct = m == 1 && columns == width;
  const Result<T> y = direct ? to : Result<T>{apart, kPackedRows};
  const T* x = p.x + i * p.depth;
  const W* w = p.packed + j * p.depth / kNumbersOfWord<W>;
  if (m == 1)
    one_row(columns, p.depth, x, w, y.data);
  else
    some_rows(m, columns, p.depth, x, w, y);
  if (p.bias || !direct) finish_rows(m, width, p.bias ? p.bias + j : nullptr, y, to);
  if (p.function == Function::none) return;
  for (int64_t r = 0; r < m; ++r) {
    T* row = to.from(r, 0).data;
    apply_any(p.function, row, width, row);
  }
}

void rows_by_block_float(const RowLinear<float>& p, int64_t i, int64_t i_end, int64_t block) {
  rows_by_block(p, i, i_end, block);
}
void rows_by_block_double(const RowLinear<double>& p, int64_t i, int64_t i_end, int64_t block) {
  rows_by_block(p, i, i_end, block);
}
void rows_by_block_bfloat16(const RowLinear<float, TwoBfloat16>& p, int64_t i, int64_t i_end,
                            int64_t block) {
  rows_by_block(p, i, i_end, block);
}

/// `rows` rows of W, at most kPackedRows, to the panels of a block.
template <class T>
HWY_NOINLINE void pack_block(const T* HWY_RESTRICT from, int64_t rows, int64_t depth,
                             int64_t stride, T* HWY_RESTRICT to) {
  const int64_t panel = panel_width<T>();
  int64_t whole_rows = 0, whole_depth = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t side = kSide<T>;
  if (panel % side == 0) whole_rows = rows / panel * panel, whole_depth = depth / side * side;
  for (int64_t first = 0; first < whole_rows; first += panel) {
    for (int64_t k = 0; k < whole_depth; k += side) {
      for_vectors<T>(Vector<T>(), panel, [&](auto d, int64_t j) HWY_ATTR {
        hn::Vec<decltype(d)> columns[side];
        load_transposed(d, from + (first + j) * stride + k, stride, columns);
        T* at = to + first * depth + k * panel + j;
        for (int64_t x = 0; x < side; ++x) hn::StoreU(columns[x], d, at + x * panel);
      });
    }
  }
#endif
  for (int64_t j = 0; j < rows; ++j)
    for (int64_t k = j < whole_rows ? whole_depth : 0; k < depth; ++k)
      to[j / panel * panel * depth + k * panel + j % panel] = from[j * stride + k];
}

void pack_block_float(const float* from, int64_t rows, int64_t depth, int64_t stride, float* to) {
  pack_block(from, rows, depth, stride, to);
}
void pack_block_double(const double* from, int64_t rows, int64_t depth, int64_t stride,
                       double* to) {
  pack_block(from, rows, depth, stride, to);
}

/// A packed block of float32 to one of half its size: numbers of both vectors of a panel to one word.
void halve_block(const float* HWY_RESTRICT from, int64_t depth, TwoBfloat16* HWY_RESTRICT to) {
  const hn::RebindToUnsigned<Vector<float>> words;
  const int64_t lanes = panel_width<float>() / 2;
  const auto* in = reinterpret_cast<const uint32_t*>(from);
  auto* out = reinterpret_cast<uint32_t*>(to);
  for (int64_t step = 0; step < kPackedRows * depth / 2; step += lanes, in += 2 * lanes) {
    const auto low = hn::LoadU(words, in), high = hn::LoadU(words, in + lanes);
    hn::StoreU(hn::Or(hn::ShiftRight<16>(low), high), words, out + step);
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(rows_by_block_float);
HWY_EXPORT(rows_by_block_double);
HWY_EXPORT(rows_by_block_bfloat16);
HWY_EXPORT(pack_block_float);
HWY_EXPORT(pack_block_double);
HWY_EXPORT(halve_block);

/// Blocks of W that one task goes through for its rows of x. Where there are many rows, as many as a
/// second-level cache holds: x, larger than a cache then, is read a few times and not once a block,
/// and rows of y are written from end to end.
int64_t blocks_of_task(int64_t m, int64_t depth, int64_t bytes_of_number) {
  constexpr int64_t kMany = 16 * kRowsTogether, kBytes = int64_t{1} << 20;
  const double operations = 2.0 * static_cast<double>(std::min(m, kRowsTogether) * kPackedRows);
  const int64_t each = items_per_task(operations * static_cast<double>(depth));
  if (m < kMany) return each;
  return std::max(each, kBytes / std::max<int64_t>(kPackedRows * depth * bytes_of_number, 1));
}

template <class T, class W, class Block>
void by_tasks(const RowLinear<T, W>& p, const Block& block) {
  const int64_t blocks = divide_up(p.n, kPackedRows), down = divide_up(p.m, kRowsTogether);
  const int64_t each = blocks_of_task(p.m, p.depth, sizeof(W) / kNumbersOfWord<W>);
  const int64_t across = divide_up(blocks, each);
  parallel_for(across * down, [&](int64_t task) {
    const int64_t i = task % down * kRowsTogether, first = task / down * each;
    for (int64_t b = first; b < std::min(first + each, blocks); ++b)
      block(i, std::min(i + kRowsTogether, p.m), b);
  });
}

/// visit(block) for each, many by one thread.
template <class Visit>
void for_blocks(int64_t n, int64_t depth, const Visit& visit) {
  const int64_t blocks = divide_up(n, kPackedRows);
  const int64_t each = items_per_task(static_cast<double>(4 * kPackedRows * depth));
  parallel_for(divide_up(blocks, each), [&](int64_t task) {
    for (int64_t b = task * each; b < std::min((task + 1) * each, blocks); ++b) visit(b);
  });
}

/// Block b of W, 0 where W has no rows for it.
template <class T, class Block>
void pack_one(const T* weight, int64_t n, int64_t depth, int64_t stride, int64_t b, T* to,
              const Block& block) {
  const int64_t rows = std::min(kPackedRows, n - b * kPackedRows);
  if (rows < kPackedRows) std::fill_n(to, kPackedRows * depth, T{0});
  block(weight + b * kPackedRows * stride, rows, depth, stride, to);
}

template <class T, class Block>
void pack(const T* weight, int64_t n, int64_t depth, int64_t stride, T* packed,
          const Block& block) {
  for_blocks(n, depth, [&](int64_t b) {
    pack_one(weight, n, depth, stride, b, packed + b * kPackedRows * depth, block);
  });
}

}  // namespace

void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, float* packed) {
  pack(weight, n, depth, stride, packed, HWY_DYNAMIC_DISPATCH(pack_block_float));
}

void pack_rows(const double* weight, int64_t n, int64_t depth, int64_t stride, double* packed) {
  pack(weight, n, depth, stride, packed, HWY_DYNAMIC_DISPATCH(pack_block_double));
}

bool is_bfloat16(const float* weight, int64_t n, int64_t depth, int64_t stride) {
  std::atomic<bool> all = true;
  for_blocks(n, depth, [&](int64_t b) {
    for (int64_t j = b * kPackedRows; j < std::min((b + 1) * kPackedRows, n); ++j) {
      if (!all.load(std::memory_order_relaxed)) return;
      uint32_t bits = 0;
      for (int64_t k = 0; k < depth; ++k) bits |= std::bit_cast<uint32_t>(weight[j * stride + k]);
      if ((bits & 0xffff) != 0) all.store(false, std::memory_order_relaxed);
    }
  });
  return all;
}

void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, TwoBfloat16* packed) {
  const int64_t numbers = kPackedRows * depth;
  for_blocks(n, depth, [&](int64_t b) {
    auto* wide =
        reinterpret_cast<float*>(thread_scratch(static_cast<size_t>(numbers) * sizeof(float)));
    pack_one(weight, n, depth, stride, b, wide, HWY_DYNAMIC_DISPATCH(pack_block_float));
    HWY_DYNAMIC_DISPATCH(halve_block)(wide, depth, packed + b * numbers / 2);
  });
}

void row_linear(const RowLinear<float>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t block) {
    HWY_DYNAMIC_DISPATCH(rows_by_block_float)(p, i, i_end, block);
  });
}

void row_linear(const RowLinear<float, TwoBfloat16>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t block) {
    HWY_DYNAMIC_DISPATCH(rows_by_block_bfloat16)(p, i, i_end, block);
  });
}

void row_linear(const RowLinear<double>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t block) {
    HWY_DYNAMIC_DISPATCH(rows_by_block_double)(p, i, i_end, block);
  });
}

}  // namespace heed::kernels
#endif
