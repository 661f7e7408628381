// Rows, factors and products of a chunk of linear attention.

#if defined(HEED_KERNELS_LINEAR_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LINEAR_TILE_INL_H_
#undef HEED_KERNELS_LINEAR_TILE_INL_H_
#else
#define HEED_KERNELS_LINEAR_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/exp2-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/linear.h"
#include "kernels/long_sum-inl.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Between rows of pairs: a product may write up to one panel past the last key.
inline constexpr int64_t kPairs = kLinearChunk + kAlign;
/// Rows of pairs that are computed at once; what lies above the diagonal beyond them is skipped.
inline constexpr int64_t kPairRows = 12;

/// to[i] = 2^(factor (from[i] - origin[i])) over whole vectors; infinite where that overflows. What
/// is lost as the exponent becomes a T is made good: strong decays are as exact as weak ones.
template <class T>
HWY_INLINE void exp2_row(const double* HWY_RESTRICT from, const double* HWY_RESTRICT origin,
                         double factor, int64_t width, T* HWY_RESTRICT to) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto most = hn::Set(d, sizeof(T) == 4 ? T{127} : T{1023});
  const auto infinite = hn::Set(d, std::numeric_limits<T>::infinity());
  T high[kMaxLanes], low[kMaxLanes];
  for (int64_t i = 0; i < width; i += lanes) {
    for (int64_t l = 0; l < lanes; ++l) {
      const double x = factor * (from[i + l] - origin[i + l]);
      high[l] = static_cast<T>(x);
      low[l] = static_cast<T>((x - static_cast<double>(high[l])) * 0.6931471805599453);
    }
    const auto x = hn::LoadU(d, high), power = exp2_tile(d, x);
    const auto exact = hn::MulAdd(power, hn::LoadU(d, low), power);
    hn::StoreU(hn::IfThenElse(hn::Gt(x, most), infinite, exact), d, to + i);
  }
}

/// to = a b over whole rows.
template <class T>
HWY_INLINE void multiply(const T* a, const T* b, int64_t count, T* to) {
  const Vector<T> d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, to + i);
}

/// to += a b over whole rows.
template <class T>
HWY_INLINE void multiply_add(const T* a, const T* b, int64_t count, T* to) {
  const Vector<T> d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), hn::LoadU(d, to + i)), d,
               to + i);
}

/// `rows` rows of `width` numbers times `factor`, to rows `stride` apart, filled up with 0.
template <class T>
HWY_NOINLINE void load_rows(Left<T> from, int64_t rows, int64_t width, T factor, T* to,
                            int64_t stride) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* HWY_RESTRICT row = from.data + i * from.row;
    T* HWY_RESTRICT out = to + i * stride;
    if (from.column == 1) {
      for (int64_t e = 0; e < width; ++e) out[e] = row[e] * factor;
    } else {
      for (int64_t e = 0; e < width; ++e) out[e] = row[e * from.column] * factor;
    }
    for (int64_t e = width; e < stride; ++e) out[e] = 0;
  }
}

/// C (rows, width) += lower P times B (rows, width); P counts up to its diagonal, or before it
/// where `strict`. What is right of a group of rows stays out, so that a row of B that is not
/// finite reaches no earlier row of C, and what stands there need not be a number.
template <class T>
HWY_NOINLINE void add_lower(const T* pairs, int64_t rows, int64_t width, bool strict, Right<T> b,
                            Result<T> c) {
  for (int64_t i = 0; i < rows; i += kTileRows) {
    const int64_t end = std::min<int64_t>(i + kTileRows, rows);
    gemm<true>(end - i, width, i, Left<T>{pairs + i * kPairs, kPairs, 1}, b, c.from(i));
    for (int64_t t = i; t < end; ++t)
      add_row(width, t - i + (strict ? 0 : 1), Left<T>{pairs + t * kPairs + i, kPairs, 1},
              b.from(i), c.from(t));
  }
}

/// C (rows, width) += P^T B, P as above.
template <class T>
HWY_NOINLINE void add_upper(const T* pairs, int64_t rows, int64_t width, bool strict, Right<T> b,
                            Result<T> c) {
  for (int64_t i = 0; i < rows; i += kTileRows) {
    const int64_t end = std::min<int64_t>(i + kTileRows, rows);
    for (int64_t t = i; t < end; ++t) {
      const int64_t first = t + (strict ? 1 : 0);
      add_row(width, end - first, Left<T>{pairs + first * kPairs + t, 1, kPairs}, b.from(first),
              c.from(t));
    }
    gemm<true>(end - i, width, rows - end, Left<T>{pairs + end * kPairs + i, 1, kPairs},
               b.from(end), c.from(i));
  }
}

/// state += more over `count` numbers, with what rounding takes from it put into the next sum: a
/// state is added to once per chunk, thousands of times in a long sequence.
template <class T>
HWY_INLINE void add_to_state(const T* HWY_RESTRICT more, int64_t count, T* HWY_RESTRICT state,
                             T* HWY_RESTRICT rests) {
  const Vector<T> d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    auto sum = hn::LoadU(d, state + i), rest = hn::Zero(d);
    add_kept(d, sum, rest, hn::Add(hn::LoadU(d, more + i), hn::LoadU(d, rests + i)));
    hn::StoreU(sum, d, state + i), hn::StoreU(rest, d, rests + i);
  }
}

/// The sum of a b over `width` numbers.
template <class T>
HWY_INLINE T dot_row(const T* a, const T* b, int64_t width) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= width; i += lanes)
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  T rest = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < width; ++i) rest += a[i] * b[i];
  return rest;
}

/// to_t += the sum of a_i b_i over rows i >= t, for t = 0 .. rows - 1.
template <class T>
HWY_NOINLINE void add_from_below(const T* a, const T* b, int64_t rows, int64_t stride, T* to) {
  const Vector<T> d;
  for (int64_t e = 0; e < stride; e += static_cast<int64_t>(hn::Lanes(d))) {
    auto sum = hn::Zero(d);
    for (int64_t at = (rows - 1) * stride + e; at >= 0; at -= stride) {
      sum = hn::MulAdd(hn::LoadU(d, a + at), hn::LoadU(d, b + at), sum);
      hn::StoreU(hn::Add(hn::LoadU(d, to + at), sum), d, to + at);
    }
  }
}

/// to_t += the sum of a_j b_j over rows j < t, for t = 1 .. rows - 1.
template <class T>
HWY_NOINLINE void add_from_above(const T* a, const T* b, int64_t rows, int64_t stride, T* to) {
  const Vector<T> d;
  for (int64_t e = 0; e < stride; e += static_cast<int64_t>(hn::Lanes(d))) {
    auto sum = hn::Zero(d);
    for (int64_t at = e; at < (rows - 1) * stride; at += stride) {
      sum = hn::MulAdd(hn::LoadU(d, a + at), hn::LoadU(d, b + at), sum);
      hn::StoreU(hn::Add(hn::LoadU(d, to + at + stride), sum), d, to + at + stride);
    }
  }
}

/// A transposed matrix, in slabs of kQueries columns: what stands right in a product with its
/// transpose.
template <class T>
class Transposed {
 public:
  Transposed(Arena& arena, int64_t rows, int64_t width)
      : rows_(rows), width_(width), data_(arena.take<T>(divide_up(rows, kQueries) * slab())) {}

  HWY_NOINLINE void set(const T* from, int64_t stride) const {
    for (int64_t i = 0; i < rows_; i += kQueries)
      transposed_rows(Left<T>{from + i * stride, stride, 1}, std::min(kQueries, rows_ - i), width_,
                      T{1}, data_ + i / kQueries * slab());
  }

  /// C (m, rows) = A (m, width) times the transposed matrix.
  HWY_NOINLINE void product(int64_t m, Left<T> a, Result<T> c) const {
    for (int64_t i = 0; i < rows_; i += kQueries)
      gemm<false>(m, std::min(kQueries, rows_ - i), width_, a,
                  Right<T>{data_ + i / kQueries * slab(), kStride}, c.from(0, i));
  }

 private:
  int64_t slab() const { return width_ * kStride; }
  int64_t rows_, width_;
  T* data_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
