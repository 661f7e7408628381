// Sums of products of 8 bits that cannot saturate, in three ways with the same result.
//
// AVX2 and AVX-512: maddubs multiplies bytes without sign by bytes with one and adds pairs in 16 bits,
// which saturate. |x| and sign(x) w go in: both are at most 127, a pair at most 2 * 127 * 127 = 32258,
// and 16 bits hold 32767.
// VNNI: x + 128, which has no sign, and w; four products join 32 bits without saturating. 128 times
// the sum of w's row comes off again.
// Elsewhere: one product after the other.
//
// One row of x meets the 64 rows of a block at once, 256 bytes a step: W streams past once, which is
// all the time that it takes. Several rows are tiles of 6 x 64 sums (VNNI) in registers.

#include "kernels/int8_linear.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "heed/core/threads.h"
#include "kernels/blocks.h"
#include "kernels/int8_block.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/int8_linear.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/function-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

HWY_INLINE int32_t four_of(const int8_t* q) {
  int32_t four;
  std::memcpy(&four, q, sizeof four);
  return four;
}

#if HWY_TARGET == HWY_AVX3
using Int8Vector = __m512i;
HWY_INLINE Int8Vector load_int8(const void* from) { return _mm512_loadu_si512(from); }
HWY_INLINE void store_int8(Int8Vector v, void* to) { _mm512_storeu_si512(to, v); }
HWY_INLINE Int8Vector zero_int8() { return _mm512_setzero_si512(); }
/// Four numbers of x in every lane.
struct FourOfX {
  Int8Vector size;
  __mmask64 negative;
  HWY_INLINE explicit FourOfX(const int8_t* q) {
    const auto x = _mm512_set1_epi32(four_of(q));
    size = _mm512_abs_epi8(x), negative = _mm512_movepi8_mask(x);
  }
  HWY_INLINE Int8Vector times(Int8Vector w) const {
    const auto turned = _mm512_mask_sub_epi8(w, negative, _mm512_setzero_si512(), w);
    return _mm512_madd_epi16(_mm512_maddubs_epi16(size, turned), _mm512_set1_epi16(1));
  }
};
HWY_INLINE Int8Vector plus_int8(Int8Vector a, Int8Vector b) { return _mm512_add_epi32(a, b); }
constexpr int kInt8TileRows = 4;
#elif HWY_TARGET == HWY_AVX2
using Int8Vector = __m256i;
HWY_INLINE Int8Vector load_int8(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
HWY_INLINE void store_int8(Int8Vector v, void* to) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), v);
}
HWY_INLINE Int8Vector zero_int8() { return _mm256_setzero_si256(); }
struct FourOfX {
  Int8Vector x, size;
  HWY_INLINE explicit FourOfX(const int8_t* q) {
    x = _mm256_set1_epi32(four_of(q)), size = _mm256_abs_epi8(x);
  }
  HWY_INLINE Int8Vector times(Int8Vector w) const {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_sign_epi8(w, x)),
                             _mm256_set1_epi16(1));
  }
};
HWY_INLINE Int8Vector plus_int8(Int8Vector a, Int8Vector b) { return _mm256_add_epi32(a, b); }
constexpr int kInt8TileRows = 3;
#endif

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
/// kRows rows by kVectors vectors of a block from the one at byte `first` of each step on.
template <int kRows, int kVectors>
HWY_INLINE void int8_tile(int64_t steps, const int8_t* HWY_RESTRICT q, int64_t stride,
                          const int8_t* HWY_RESTRICT w, int64_t first, Int8Tile& sums) {
  constexpr int64_t kBytes = sizeof(Int8Vector);
  Int8Vector total[kRows][kVectors];
  for (auto& row : total)
    for (auto& one : row) one = zero_int8();
  for (int64_t step = 0; step < steps; ++step, w += kStepBytes) {
    Int8Vector weights[kVectors];
    for (int v = 0; v < kVectors; ++v) weights[v] = load_int8(w + first + v * kBytes);
    for (int i = 0; i < kRows; ++i) {
      const FourOfX x(q + i * stride + step * kTogether);
      for (int v = 0; v < kVectors; ++v) total[i][v] = plus_int8(total[i][v], x.times(weights[v]));
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < kVectors; ++v)
      store_int8(total[i][v], sums[i] + (first + v * kBytes) / kTogether);
}

template <int kRows>
HWY_INLINE void int8_rows(int64_t steps, const int8_t* q, int64_t stride, const int8_t* w,
                          Int8Tile& sums) {
  constexpr int kAll = kStepBytes / sizeof(Int8Vector), kVectors = kRows == 1 ? kAll : kAll / 4 * 2;
  constexpr int kSome = HWY_TARGET == HWY_AVX2 && kRows > 1 ? 2 : kVectors;
  for (int v = 0; v < kAll; v += kSome)
    int8_tile<kRows, kSome>(steps, q, stride, w, v * int64_t{sizeof(Int8Vector)}, sums);
}

HWY_NOINLINE void int8_sums(int64_t m, int64_t steps, const int8_t* q, int64_t stride,
                            const Int8Block& block, Int8Tile& sums) {
  if (m == 1) return int8_rows<1>(steps, q, stride, block.q, sums);
  if (m == 2) return int8_rows<2>(steps, q, stride, block.q, sums);
  if (m == 3) return int8_rows<3>(steps, q, stride, block.q, sums);
  int8_rows<kInt8TileRows>(steps, q, stride, block.q, sums);
}
#else
constexpr int kInt8TileRows = 1;
HWY_NOINLINE void int8_sums(int64_t, int64_t steps, const int8_t* q, int64_t,
                            const Int8Block& block, Int8Tile& sums) {
  int32_t total[kInt8Rows] = {};
  const int8_t* HWY_RESTRICT w = block.q;
  for (int64_t step = 0; step < steps; ++step, q += kTogether, w += kStepBytes)
    for (int64_t j = 0; j < kInt8Rows; ++j)
      for (int64_t k = 0; k < kTogether; ++k) total[j] += q[k] * w[j * kTogether + k];
  std::copy_n(total, kInt8Rows, sums[0]);
}
#endif

/// One row of quantize_int8 to `steps` of four numbers, zeros behind the last. `flip`: of each byte.
template <class Number>
HWY_INLINE float int8_row_of(const Number& number, int64_t depth, int64_t padded, int8_t flip,
                             int8_t* HWY_RESTRICT q) {
  int32_t most = 0;  // of the bits of |x|: their order is that of numbers, then infinity, then NaN
  for (int64_t k = 0; k < depth; ++k)
    most = std::max(most, std::bit_cast<int32_t>(number(k)) & 0x7fffffff);
  const float largest = std::bit_cast<float>(most);
  const bool counts = largest >= 1e-36f && largest <= std::numeric_limits<float>::max();
  const float turn = counts ? 127 / largest : 0;
  // 1.5 * 2^23: a number beside it is rounded to a whole one, which stands in its last bits.
  constexpr float kWhole = 12582912;
  if (counts)
    for (int64_t k = 0; k < depth; ++k)
      q[k] = static_cast<int8_t>(std::bit_cast<int32_t>(number(k) * turn + kWhole) ^ flip);
  std::fill(q + (counts ? depth : 0), q + padded, flip);
  if (counts) return largest / 127;
  return most >= 0x7f800000 ? std::numeric_limits<float>::quiet_NaN() : 0;
}

HWY_NOINLINE float int8_row(const float* HWY_RESTRICT x, const float* HWY_RESTRICT channels,
                            int64_t depth, int64_t padded, int8_t flip, int8_t* q) {
  if (!channels)
    return int8_row_of([=](int64_t k) HWY_ATTR { return x[k]; }, depth, padded, flip, q);
  return int8_row_of([=](int64_t k) HWY_ATTR { return x[k] * channels[k]; }, depth, padded, flip,
                     q);
}

/// m rows of y of their sums.
HWY_INLINE void int8_finish(int64_t m, const Int8Tile& sums, const Int8Block& block,
                            const Int8Out& out) {
  for (int64_t i = 0; i < m; ++i) {
    const int32_t* HWY_RESTRICT from = sums[i];
    const float* HWY_RESTRICT t = block.scales;
    float* HWY_RESTRICT to = out.y + i * out.stride;
    const float s = out.scales[i];
    if (out.bias)
      for (int64_t j = 0; j < out.width; ++j)
        to[j] = static_cast<float>(from[j]) * (s * t[j]) + out.bias[j];
    else
      for (int64_t j = 0; j < out.width; ++j) to[j] = static_cast<float>(from[j]) * (s * t[j]);
  }
}

HWY_NOINLINE void int8_product(int64_t m, int64_t steps, const int8_t* q, int64_t stride,
                               const Int8Block& block, const Int8Out& out) {
  HWY_ALIGN Int8Tile sums;
  int8_sums(m, steps, q, stride, block, sums);
  int8_finish(m, sums, block, out);
}

HWY_NOINLINE void int8_apply(Function function, int64_t m, const Int8Out& out) {
  for (int64_t i = 0; i < m; ++i) {
    float* row = out.y + i * out.stride;
    apply_any(function, row, out.width, row);
  }
}

int int8_tile_rows() { return kInt8TileRows; }
bool int8_has_avx512() { return HWY_TARGET == HWY_AVX3; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {
namespace {

HWY_EXPORT(int8_product);
HWY_EXPORT(int8_row);
HWY_EXPORT(int8_apply);
HWY_EXPORT(int8_tile_rows);
HWY_EXPORT(int8_has_avx512);

std::atomic<bool> vnni_wanted = true;

#if HWY_ARCH_X86
bool has_vnni() {
  static const bool has = __builtin_cpu_supports("avx512vnni");
  return has && vnni_wanted && HWY_DYNAMIC_DISPATCH(int8_has_avx512)();
}
#else
bool has_vnni() { return false; }
#endif

/// How products are made on this processor.
struct Int8Way {
  Int8Product product;
  int64_t rows;  ///< of a tile, at most
  int8_t flip;   ///< x + 128 has the bits of x with the first one flipped
};

void dispatched_product(int64_t m, int64_t steps, const int8_t* q, int64_t stride,
                        const Int8Block& block, const Int8Out& out) {
  HWY_DYNAMIC_DISPATCH(int8_product)(m, steps, q, stride, block, out);
}

Int8Way int8_way() {
#if HWY_ARCH_X86
  if (has_vnni()) return {vnni_product, kVnniRows, static_cast<int8_t>(-128)};
#endif
  return {dispatched_product, HWY_DYNAMIC_DISPATCH(int8_tile_rows)(), 0};
}

int64_t steps_of(int64_t depth) { return divide_up(depth, kTogether); }

int64_t block_bytes(int64_t depth) {
  return kInt8Rows * static_cast<int64_t>(sizeof(float) + sizeof(int32_t)) +
         steps_of(depth) * kStepBytes;
}

Int8Block block_at(const int8_t* packed, int64_t block, int64_t depth) {
  const int8_t* at = packed + block * block_bytes(depth);
  const auto* scales = reinterpret_cast<const float*>(at);
  const auto* sums = reinterpret_cast<const int32_t*>(scales + kInt8Rows);
  return {scales, sums, reinterpret_cast<const int8_t*>(sums + kInt8Rows)};
}

/// Rows i .. i_end - 1 of y in one block's columns.
void int8_by_block(const Int8Linear& p, const Int8Way& way, const int8_t* q, const float* scales,
                   int64_t i, int64_t i_end, int64_t number) {
  const int64_t steps = steps_of(p.depth), stride = steps * kTogether, j = number * kInt8Rows;
  const auto block = block_at(p.packed, number, p.depth);
  Int8Out out{scales, p.bias ? p.bias + j : nullptr, p.y + i * p.n + j, p.n,
              std::min(kInt8Rows, p.n - j)};
  out.scales += i;
  for (int64_t tiles = divide_up(i_end - i, way.rows); tiles > 0; --tiles) {
    const int64_t m = divide_up(i_end - i, tiles);
    way.product(m, steps, q + i * stride, stride, block, out);
    if (p.function != Function::none) HWY_DYNAMIC_DISPATCH(int8_apply)(p.function, m, out);
    i += m, out.scales += m, out.y += m * p.n;
  }
}

/// Rows whose numbers of 8 bits stay in a second-level cache.
constexpr int64_t kSliceBytes = int64_t{1} << 20;

void slice_of_rows(const Int8Linear& p, const Int8Way& way) {
  // Read by the threads of both regions, so not in their own thread_scratch().
  thread_local std::vector<int8_t> numbers;
  thread_local std::vector<float> scales_of_rows;
  const int64_t padded = steps_of(p.depth) * kTogether, blocks = divide_up(p.n, kInt8Rows);
  if (std::ssize(numbers) < p.m * padded) numbers.resize(static_cast<size_t>(p.m * padded));
  if (std::ssize(scales_of_rows) < p.m) scales_of_rows.resize(static_cast<size_t>(p.m));
  int8_t* q = numbers.data();
  float* scales = scales_of_rows.data();
  const int64_t rows = items_per_task(2.0 * static_cast<double>(p.depth));
  parallel_for(divide_up(p.m, rows), [&](int64_t task) {
    for (int64_t i = task * rows; i < std::min(p.m, (task + 1) * rows); ++i)
      scales[i] = HWY_DYNAMIC_DISPATCH(int8_row)(p.x + i * p.depth, p.channels, p.depth, padded,
                                                 way.flip, q + i * padded);
  });
  const int64_t down = divide_up(p.m, kInt8RowsOfTask);
  const int64_t each = items_per_task(  // in a quarter of the time of float32
      0.5 * static_cast<double>(std::min(p.m, kInt8RowsOfTask) * kInt8Rows * p.depth));
  parallel_for(divide_up(blocks, each) * down, [&](int64_t task) {
    const int64_t i = task % down * kInt8RowsOfTask, first = task / down * each;
    for (int64_t b = first; b < std::min(first + each, blocks); ++b)
      int8_by_block(p, way, q, scales, i, std::min(i + kInt8RowsOfTask, p.m), b);
  });
}

}  // namespace

void use_vnni(bool use) { vnni_wanted = use; }

int64_t packed_int8_size(int64_t n, int64_t depth) {
  return divide_up(n, kInt8Rows) * block_bytes(depth);
}

void quantize_int8(const float* x, int64_t rows, int64_t depth, int64_t stride, int8_t* q,
                   float* scales) {
  for (int64_t i = 0; i < rows; ++i)
    scales[i] =
        HWY_DYNAMIC_DISPATCH(int8_row)(x + i * stride, nullptr, depth, depth, 0, q + i * depth);
}

void pack_int8(const int8_t* q, const float* scales, int64_t n, int64_t depth, int8_t* packed) {
  const int64_t bytes = block_bytes(depth);
  parallel_for(divide_up(n, kInt8Rows), [&](int64_t number) {
    int8_t* at = packed + number * bytes;
    std::fill_n(at, bytes, int8_t{0});
    auto* to_scales = reinterpret_cast<float*>(at);
    auto* to_sums = reinterpret_cast<int32_t*>(to_scales + kInt8Rows);
    auto* to = reinterpret_cast<int8_t*>(to_sums + kInt8Rows);
    for (int64_t r = 0; r < std::min(kInt8Rows, n - number * kInt8Rows); ++r) {
      const int8_t* row = q + (number * kInt8Rows + r) * depth;
      to_scales[r] = scales[number * kInt8Rows + r];
      for (int64_t k = 0; k < depth; ++k) {
        to[k / kTogether * kStepBytes + r * kTogether + k % kTogether] = row[k];
        to_sums[r] += row[k];
      }
    }
  });
}

void int8_linear(const Int8Linear& p) {
  if (p.m == 0 || p.n == 0) return;
  const int64_t most = std::max<int64_t>(kSliceBytes / std::max<int64_t>(p.depth, 1), 1);
  for (int64_t first = 0; first < p.m; first += most) {
    auto slice = p;
    slice.m = std::min(most, p.m - first);
    slice.x = p.x + first * p.depth, slice.y = p.y + first * p.n;
    slice_of_rows(slice, int8_way());
  }
}

void int8_linear_reference(const Int8Linear& p) {
  std::vector<int8_t> q(static_cast<size_t>(p.depth));
  for (int64_t i = 0; i < p.m; ++i) {
    float scale = 0;
    std::vector<float> x(p.x + i * p.depth, p.x + (i + 1) * p.depth);
    for (int64_t k = 0; p.channels && k < p.depth; ++k) x[static_cast<size_t>(k)] *= p.channels[k];
    quantize_int8(x.data(), 1, p.depth, p.depth, q.data(), &scale);
    for (int64_t j = 0; j < p.n; ++j) {
      const auto block = block_at(p.packed, j / kInt8Rows, p.depth);
      const int64_t r = j % kInt8Rows;
      int64_t sum = 0;
      for (int64_t k = 0; k < p.depth; ++k)
        sum += q[static_cast<size_t>(k)] *
               block.q[k / kTogether * kStepBytes + r * kTogether + k % kTogether];
      float y = static_cast<float>(sum) * (scale * block.scales[r]);
      if (p.bias) y = y + p.bias[j];
      p.y[i * p.n + j] = y;
      if (p.function != Function::none) apply(p.function, &p.y[i * p.n + j], 1, &p.y[i * p.n + j]);
    }
  }
}

}  // namespace heed::kernels
#endif
