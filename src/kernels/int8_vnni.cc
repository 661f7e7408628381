// Tiles of 6 x 64 sums in registers: a step of depth is 24 instructions of 64 products, 4 loads of w and 6
// broadcasts of x. Sums become numbers of y before they leave the registers.

#include <hwy/base.h>

#include "kernels/int8_block.h"

#if HWY_ARCH_X86
#include <immintrin.h>

#include <algorithm>
#include <cstring>

namespace heed::kernels {
namespace {

#define HEED_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

#define HEED_VNNI_INLINE HEED_VNNI __attribute__((always_inline)) inline

/// Sums of one row of x.
struct VnniRow {
  __m512i a, b, c, d;
};

/// Four steps of depth of a block.
struct VnniStep {
  __m512i a, b, c, d;
};

/// sum += x w. By hand: of the function for it GCC 12 copies sums between registers, keeps arrays of them in
/// memory, and stored all 24 at every step, which took half of the time.
HEED_VNNI_INLINE void vnni_add(__m512i& sum, __m512i x, __m512i w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
}

HEED_VNNI_INLINE void vnni_add(const int8_t* q, const VnniStep& w, VnniRow& row) {
  int32_t four;
  std::memcpy(&four, q, sizeof four);
  const auto x = _mm512_set1_epi32(four);
  vnni_add(row.a, x, w.a), vnni_add(row.b, x, w.b);
  vnni_add(row.c, x, w.c), vnni_add(row.d, x, w.d);
}

HEED_VNNI_INLINE void vnni_finish(const VnniRow& row, const Int8Block& block, const Int8Out& out,
                                  int64_t i) {
  const auto s = _mm512_set1_ps(out.scales[i]);
  float* to = out.y + i * out.stride;
  const auto put = [&](__m512i sum, int64_t j) HEED_VNNI {
    auto y =
        _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(s, _mm512_loadu_ps(block.scales + j)));
    if (out.bias) y = _mm512_add_ps(y, _mm512_loadu_ps(out.bias + j));
    _mm512_storeu_ps(to + j, y);
  };
  put(row.a, 0), put(row.b, 16), put(row.c, 32), put(row.d, 48);
}

/// kRows rows of x + 128 by a whole block. The sums begin at -128 times those of w's rows.
template <int kRows>
HEED_VNNI void vnni_rows(int64_t steps, const int8_t* HWY_RESTRICT q, int64_t stride,
                         const Int8Block& block, const Int8Out& out) {
  const auto begin = [&](int64_t j) HEED_VNNI {
    const auto sums = _mm512_slli_epi32(_mm512_loadu_si512(block.sums + j), 7);
    return _mm512_sub_epi32(_mm512_setzero_si512(), sums);
  };
  const VnniRow first{begin(0), begin(16), begin(32), begin(48)};
  VnniRow r0 = first, r1 = first, r2 = first, r3 = first, r4 = first, r5 = first;
  const int8_t* HWY_RESTRICT w = block.q;
  for (int64_t step = 0; step < steps; ++step, w += kStepBytes, q += kTogether) {
    const VnniStep here{_mm512_loadu_si512(w), _mm512_loadu_si512(w + 64),
                        _mm512_loadu_si512(w + 128), _mm512_loadu_si512(w + 192)};
    vnni_add(q, here, r0);
    if constexpr (kRows > 1) vnni_add(q + stride, here, r1);
    if constexpr (kRows > 2) vnni_add(q + 2 * stride, here, r2);
    if constexpr (kRows > 3) vnni_add(q + 3 * stride, here, r3);
    if constexpr (kRows > 4) vnni_add(q + 4 * stride, here, r4);
    if constexpr (kRows > 5) vnni_add(q + 5 * stride, here, r5);
  }
  vnni_finish(r0, block, out, 0);
  if constexpr (kRows > 1) vnni_finish(r1, block, out, 1);
  if constexpr (kRows > 2) vnni_finish(r2, block, out, 2);
  if constexpr (kRows > 3) vnni_finish(r3, block, out, 3);
  if constexpr (kRows > 4) vnni_finish(r4, block, out, 4);
  if constexpr (kRows > 5) vnni_finish(r5, block, out, 5);
}

void vnni_blocks(int64_t m, int64_t steps, const int8_t* q, int64_t stride, const Int8Block& block,
                 const Int8Out& out) {
  switch (m) {
    case 1:
      return vnni_rows<1>(steps, q, stride, block, out);
    case 2:
      return vnni_rows<2>(steps, q, stride, block, out);
    case 3:
      return vnni_rows<3>(steps, q, stride, block, out);
    case 4:
      return vnni_rows<4>(steps, q, stride, block, out);
    case 5:
      return vnni_rows<5>(steps, q, stride, block, out);
    default:
      return vnni_rows<6>(steps, q, stride, block, out);
  }
}

}  // namespace

/// The last block may have fewer columns than it has room for.
void vnni_product(int64_t m, int64_t steps, const int8_t* q, int64_t stride, const Int8Block& block,
                  const Int8Out& out) {
  if (out.width == kInt8Rows) {
    vnni_blocks(m, steps, q, stride, block, out);
  } else {
    alignas(64) float whole[kVnniRows * kInt8Rows], bias[kInt8Rows] = {};
    if (out.bias) std::copy_n(out.bias, out.width, bias);
    const Int8Out all{out.scales, out.bias ? bias : nullptr, whole, kInt8Rows, kInt8Rows};
    vnni_blocks(m, steps, q, stride, block, all);
    for (int64_t i = 0; i < m; ++i)
      std::copy_n(whole + i * kInt8Rows, out.width, out.y + i * out.stride);
  }
}

}  // namespace heed::kernels
#endif
