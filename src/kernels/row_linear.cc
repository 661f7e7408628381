// Dot products of rows: both x and W lie along the depth, so nothing is packed, and with one row of
// x the weights stream past once.
//
// Registers: 3 rows x 4 columns of sums = 12, 3 of x and 1 of W: 16 of AVX2's 16. One step of depth
// is 7 loads and 12 fused multiply-adds. Blocks of rows and columns are such that the rows of W and
// those of x that meet stay in the second-level cache.

#include "kernels/row_linear.h"

#include <algorithm>

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// kRows rows of x by kColumns rows of W, from row i and column j on.
template <int kRows, int kColumns, class T>
HWY_INLINE void dots(const RowLinear<T>& p, int64_t i, int64_t j) {
  const hn::CappedTag<T, kMaxLanes> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), K = p.depth;
  const T* HWY_RESTRICT x = p.x + i * p.x_stride;
  const T* HWY_RESTRICT w = p.weight + j * K;
  const V zero = hn::Zero(d);
  V c00 = zero, c01 = zero, c02 = zero, c03 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero;
  V c20 = zero, c21 = zero, c22 = zero, c23 = zero;
  const auto step = [&](const auto& load) HWY_ATTR {
    const V x0 = load(x);
    V x1 = x0, x2 = x0;
    if constexpr (kRows > 1) x1 = load(x + p.x_stride);
    if constexpr (kRows > 2) x2 = load(x + 2 * p.x_stride);
    const auto column = [&](const T* row, V& c0, V& c1, V& c2) HWY_ATTR {
      const V t = load(row);
      c0 = hn::MulAdd(x0, t, c0);
      if constexpr (kRows > 1) c1 = hn::MulAdd(x1, t, c1);
      if constexpr (kRows > 2) c2 = hn::MulAdd(x2, t, c2);
    };
    column(w, c00, c10, c20);
    if constexpr (kColumns > 1) column(w + K, c01, c11, c21);
    if constexpr (kColumns > 2) column(w + 2 * K, c02, c12, c22);
    if constexpr (kColumns > 3) column(w + 3 * K, c03, c13, c23);
  };
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes, x += lanes, w += lanes)
    step([&](const T* from) HWY_ATTR { return hn::LoadU(d, from); });
  if (k < K) {
    const auto rest = hn::FirstN(d, static_cast<size_t>(K - k));
    HWY_ALIGN T piece[kMaxLanes];
    step([&](const T* from) HWY_ATTR {
      std::fill_n(piece, lanes, T{0});
      std::copy_n(from, K - k, piece);
      return hn::IfThenElseZero(rest, hn::Load(d, piece));
    });
  }
  const auto end = [&](int row, V c0, V c1, V c2, V c3) HWY_ATTR {
    T* to = p.y + (i + row) * p.n + j;
    const auto sum = [&](V c, int column) HWY_ATTR {
      const T total = hn::GetLane(hn::SumOfLanes(d, c));
      to[column] = p.bias ? total + p.bias[j + column] : total;
    };
    sum(c0, 0);
    if constexpr (kColumns > 1) sum(c1, 1);
    if constexpr (kColumns > 2) sum(c2, 2);
    if constexpr (kColumns > 3) sum(c3, 3);
  };
  end(0, c00, c01, c02, c03);
  if constexpr (kRows > 1) end(1, c10, c11, c12, c13);
  if constexpr (kRows > 2) end(2, c20, c21, c22, c23);
}

template <int kColumns, class T>
HWY_INLINE void rows(const RowLinear<T>& p, int64_t first, int64_t last, int64_t j) {
  int64_t i = first;
  for (; i + 3 <= last; i += 3) dots<3, kColumns>(p, i, j);
  if (last - i == 2) dots<2, kColumns>(p, i, j);
  if (last - i == 1) dots<1, kColumns>(p, i, j);
}

template <class T>
HWY_INLINE void block(const RowLinear<T>& p, int64_t i, int64_t i_end, int64_t j, int64_t j_end) {
  for (; j + 4 <= j_end; j += 4) rows<4>(p, i, i_end, j);
  for (; j < j_end; ++j) rows<1>(p, i, i_end, j);
}

void block_float(const RowLinear<float>& p, int64_t i, int64_t i_end, int64_t j, int64_t j_end) {
  block(p, i, i_end, j, j_end);
}
void block_double(const RowLinear<double>& p, int64_t i, int64_t i_end, int64_t j, int64_t j_end) {
  block(p, i, i_end, j, j_end);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(block_float);
HWY_EXPORT(block_double);

constexpr int64_t kRowsATask = 48, kColumnsATask = 128;
constexpr int64_t kWorthThreads = 1 << 18;  // multiplications

template <class T, class Block>
void by_tasks(const RowLinear<T>& p, const Block& block) {
  if (p.m * p.n * p.depth < kWorthThreads) return block(0, p.m, 0, p.n);
  const int64_t across = (p.n + kColumnsATask - 1) / kColumnsATask;
  const int64_t down = (p.m + kRowsATask - 1) / kRowsATask;
  parallel_for(across * down, [&](int64_t task) {
    const int64_t i = task / across * kRowsATask, j = task % across * kColumnsATask;
    block(i, std::min(i + kRowsATask, p.m), j, std::min(j + kColumnsATask, p.n));
  });
}

}  // namespace

void row_linear(const RowLinear<float>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t j, int64_t j_end) {
    HWY_DYNAMIC_DISPATCH(block_float)(p, i, i_end, j, j_end);
  });
}

void row_linear(const RowLinear<double>& p) {
  by_tasks(p, [&](int64_t i, int64_t i_end, int64_t j, int64_t j_end) {
    HWY_DYNAMIC_DISPATCH(block_double)(p, i, i_end, j, j_end);
  });
}

}  // namespace heed::kernels
#endif
