// One chunk of linear attention in the cache: its rows, its decays and its products of pairs.
//
// Rows that look back at the chunk's keys stand in slots: the queries of the group, and with the
// delta rule the keys themselves, negated, so that what they find is added too. A slot's pair (i,
// j) is sum_d row_id k_jd exp(c_id - c_jd), and the exponential must not be taken apart where a
// part would overflow:
//   one decay a head   the pairs' products are multiplied by exp(c_i - c_j)
//   a decay a channel  where the chunk decays gently, row exp(c_i) and k exp(-c_j). Otherwise the
//                      chunk is halved: rows of the second half and keys of the first decay from
//                      and to their border, and each half is looked at again.
// c is kept in double: differences of large sums are what matters.

#if defined(HEED_KERNELS_LINEAR_CHUNK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LINEAR_CHUNK_INL_H_
#undef HEED_KERNELS_LINEAR_CHUNK_INL_H_
#else
#define HEED_KERNELS_LINEAR_CHUNK_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/linear_tile-inl.h"
#include "kernels/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A chunk is gentle up to a decay by 2^24 = e^16.6: in float32 its exponents lose under 1e-6.
inline constexpr double kGentle = 24;

template <class T>
class LinearChunk {
 public:
  LinearChunk(Cutter& cut, const LinearProblem<T>& problem)
      : problem_(problem),
        D(problem.D),
        E(problem.E),
        wide_d(round_up(D, kAlign)),
        wide_e(round_up(E, kAlign)),
        queries(problem.G == 0 ? 0 : problem.H / problem.G),
        slots(queries + (problem.delta ? 1 : 0)),
        decays_(problem.decay != Decay::none) {
    const int64_t rows = kLinearChunk * wide_d;
    rows_ = cut.take<T>(slots * rows);
    rows_in_ = decays_ ? cut.take<T>(slots * rows) : rows_;
    pairs_ = cut.take<T>(slots * kLinearChunk * kPairs);
    key = cut.take<T>(rows);
    key_out = decays_ ? cut.take<T>(rows) : key;
    key_low_ = problem.decay == Decay::channel ? cut.take<T>(rows) : key;
    key_turned_ = cut.take<T>(D * kStride);
    u = cut.take<T>(kLinearChunk * wide_e);
    x = problem.delta ? cut.take<T>(kLinearChunk * wide_e) : u;
    beta = cut.take<T>(problem.delta ? kLinearChunk : 0);
    const int64_t factors = decays_ ? rows : 0;
    log_ = cut.take<double>(factors), zero_ = cut.take<double>(decays_ ? wide_d : 0);
    in = cut.take<T>(factors), out = cut.take<T>(factors), low = cut.take<T>(factors);
    fall_ = cut.take<T>(problem.decay == Decay::head ? kLinearChunk * kPairs : 0);
    const bool by_channel = problem.decay == Decay::channel;
    row_factor_ = cut.take<T>(by_channel ? rows : 0), faded_ = cut.take<T>(by_channel ? rows : 0);
  }

  /// Steps first .. first + n - 1; after it everything but u and x is there.
  HWY_NOINLINE void load(int64_t batch, int64_t group, int64_t first, int64_t n) {
    count = n;
    if (decays_) load_decay(batch, group, first);
    load_rows(rows_of(problem_.k, batch, group, first), n, D, T{1}, key, wide_d);
    for (int64_t slot = 0; slot < queries; ++slot)
      load_rows(rows_of(problem_.q, batch, group * queries + slot, first), n, D, problem_.scale,
                row(slot), wide_d);
    if (problem_.delta) {
      load_rows(Left<T>{key, wide_d, 1}, n, D, T{-1}, row(queries), wide_d);
      load_rows(rows_of(problem_.beta, batch, group, first), n, 1, T{1}, beta, 1);
    }
    const int64_t all = n * wide_d;
    for (int64_t slot = 0; decays_ && slot < slots; ++slot)
      multiply(row(slot), in, all, row_in(slot));
    if (decays_) multiply(key, out, all, key_out);
    if (problem_.decay == Decay::channel && gentle_) multiply(key, low, all, key_low_);
    make_pairs();
  }

  /// u, and with the delta rule x with u = beta x, from the chunk's first state (D, wide_e).
  HWY_NOINLINE void solve(int64_t batch, int64_t group, int64_t first, const T* state) {
    load_rows(rows_of(problem_.v, batch, group, first), count, E, T{1}, x, wide_e);
    if (!problem_.delta) return;
    gemm<true>(count, E, D, Left<T>{row_in(queries), wide_d, 1}, Right<T>{state, wide_e},
               Result<T>{x, wide_e});
    const Left<T> pairs{pair(queries), kPairs, 1};
    for (int64_t i = 0; i < count; i += 6) {
      const int64_t end = std::min<int64_t>(i + 6, count);
      gemm<true>(end - i, E, i, pairs.from(i), Right<T>{u, wide_e},
                 Result<T>{x + i * wide_e, wide_e});
      for (int64_t t = i; t < end; ++t) {
        gemm<true>(1, E, t - i, Left<T>{pairs.from(t).data + i, kPairs, 1},
                   Right<T>{u + i * wide_e, wide_e}, Result<T>{x + t * wide_e, wide_e});
        for (int64_t e = 0; e < wide_e; ++e) u[t * wide_e + e] = beta[t] * x[t * wide_e + e];
      }
    }
  }

  /// state = diag(exp(c_last)) state, for the forward and the backward state alike.
  HWY_INLINE void decay_state(T* state) const {
    for (int64_t d = 0; decays_ && d < D; ++d) {
      const T factor = total(d);
      for (int64_t e = 0; e < wide_e; ++e) state[d * wide_e + e] *= factor;
    }
  }

  T* row(int64_t slot) const { return rows_ + slot * kLinearChunk * wide_d; }
  T* row_in(int64_t slot) const { return rows_in_ + slot * kLinearChunk * wide_d; }
  T* pair(int64_t slot) const { return pairs_ + slot * kLinearChunk * kPairs; }
  T total(int64_t d) const { return in[(count - 1) * wide_d + d]; }
  bool decays() const { return decays_; }

  /// From the gradients of the pairs (0 where there is no pair; overwritten) those of the rows and
  /// of the keys, added; scratch (kLinearChunk, wide_d).
  HWY_NOINLINE void pairs_backward(T* grad_pairs, T* grad_rows, T* grad_key, T* scratch) const {
    const int64_t rows = kLinearChunk * wide_d, all = count * wide_d;
    if (problem_.decay == Decay::channel && !gentle_) {
      for_each_block(0, count, [&](int64_t i, int64_t i_end, int64_t j, int64_t j_end) HWY_ATTR {
        block_backward(i, i_end, j, j_end, grad_pairs, grad_rows, grad_key, scratch);
      });
      return;
    }
    const bool by_channel = problem_.decay == Decay::channel;
    std::fill_n(scratch, all, T{0});
    for (int64_t slot = 0; slot < slots; ++slot) {
      T* pairs = grad_pairs + slot * kLinearChunk * kPairs;
      if (problem_.decay == Decay::head) multiply(pairs, fall_, count * kPairs, pairs);
      add_upper(pairs, count, D, Right<T>{by_channel ? row_in(slot) : row(slot), wide_d},
                Result<T>{scratch, wide_d});
    }
    by_channel ? multiply_add(scratch, low, all, grad_key) : add(scratch, all, grad_key);
    for (int64_t slot = 0; slot < slots; ++slot) {
      const T* pairs = grad_pairs + slot * kLinearChunk * kPairs;
      std::fill_n(scratch, all, T{0});
      add_lower(pairs, count, D, Right<T>{key_low_, wide_d}, Result<T>{scratch, wide_d});
      T* to = grad_rows + slot * rows;
      by_channel ? multiply_add(scratch, in, all, to) : add(scratch, all, to);
    }
  }

 private:
  const LinearProblem<T>& problem_;

 public:
  const int64_t D, E, wide_d, wide_e;
  const int64_t queries, slots;
  int64_t count = 0;  ///< steps
  T *key, *key_out;   ///< k; k exp(c_last - c)
  T *u, *x, *beta;    ///< (count, wide_e) and (count)
  T *in, *out, *low;  ///< exp(c), exp(c_last - c) and, of a gentle chunk, exp(-c)

 private:
  static HWY_INLINE void add(const T* from, int64_t count, T* to) {
    for (int64_t i = 0; i < count; ++i) to[i] += from[i];
  }

  /// c in units of log 2, one a channel or one for all, and whether the chunk is gentle.
  void sum_decay(int64_t batch, int64_t group, int64_t first, int64_t columns) {
    constexpr double kLog2E = 1.4426950408889634;
    constexpr double kLeast = -1000;  // exp is 0 here, and sums of 64 stay exact to 1e-11
    const auto from = rows_of(problem_.log_decay, batch, group, first);
    std::fill_n(zero_, wide_d, 0.0);
    gentle_ = true;
    for (int64_t i = 0; i < count; ++i) {
      const double* before = i == 0 ? zero_ : log_ + (i - 1) * wide_d;
      double* now = log_ + i * wide_d;
      for (int64_t d = 0; d < columns; ++d) {
        const double given = from.data[i * from.row + d * from.column];
        now[d] = before[d] + kLog2E * std::max(given, kLeast);
      }
      int64_t steep = 0;
      for (int64_t d = 0; d < columns; ++d) steep += std::abs(now[d]) <= kGentle ? 0 : 1;
      gentle_ = gentle_ && steep == 0;
    }
  }

  void load_decay(int64_t batch, int64_t group, int64_t first) {
    if (problem_.decay == Decay::head) {
      sum_decay(batch, group, first, 1);
      return load_fall();
    }
    sum_decay(batch, group, first, D);
    for (int64_t i = 0; i < count; ++i)
      std::fill(log_ + i * wide_d + D, log_ + (i + 1) * wide_d, 0.0);
    const int64_t end = (count - 1) * wide_d;
    for (int64_t at = 0; at <= end; at += wide_d) exp2_row(log_ + at, zero_, 1, wide_d, in + at);
    for (int64_t at = 0; at <= end; at += wide_d) {
      if (gentle_) {
        for (int64_t d = 0; d < wide_d; ++d) low[at + d] = 1 / in[at + d];
        multiply(low + at, in + end, wide_d, out + at);
      } else {
        exp2_row(log_ + at, log_ + end, -1, wide_d, out + at);
      }
    }
  }

  /// exp(c_i - c_j) for j <= i, and from its last row and another the factors of all channels.
  void load_fall() {
    double column[kLinearChunk], origin[kLinearChunk];
    T factors[kLinearChunk];
    for (int64_t j = 0; j < count; ++j) column[j] = log_[j * wide_d];
    for (int64_t i = 0; i < count; ++i) {
      std::fill_n(origin, i + 1, column[i]);
      T* to = fall_ + i * kPairs;
      std::fill_n(to, kPairs, T{0});
      exp2_row(column, origin, -1, i + 1, to);
      std::fill(to + i + 1, to + kPairs, T{0});
    }
    std::fill_n(origin, kLinearChunk, 0.0);
    std::fill_n(factors, kLinearChunk, T{0});
    exp2_row(column, origin, 1, count, factors);
    for (int64_t i = 0; i < count; ++i) {
      std::fill_n(in + i * wide_d, wide_d, factors[i]);
      std::fill_n(out + i * wide_d, wide_d, fall_[(count - 1) * kPairs + i]);
    }
  }

  void make_pairs() {
    if (problem_.decay == Decay::channel && !gentle_) {
      for_each_block(0, count, [&](int64_t i, int64_t i_end, int64_t j, int64_t j_end) HWY_ATTR {
        block_forward(i, i_end, j, j_end);
      });
    } else {
      const bool by_channel = problem_.decay == Decay::channel;
      const auto keys = transposed_rows(Left<T>{key_low_, wide_d, 1}, count, D, T{1}, key_turned_);
      for (int64_t slot = 0; slot < slots; ++slot) {
        const Left<T> rows{by_channel ? row_in(slot) : row(slot), wide_d, 1};
        for (int64_t i = 0; i < count; i += kPairRows) {
          const int64_t end = std::min(i + kPairRows, count);
          gemm<false>(end - i, end, D, rows.from(i), keys, Result<T>{pair(slot), kPairs}.from(i));
        }
        if (problem_.decay == Decay::head) fall(pair(slot));
      }
    }
    for (int64_t slot = 0; slot < slots; ++slot)
      keep_lower(pair(slot), count, /*strict=*/slot >= queries);
  }

  /// Only the pairs that were computed: what stands above them is not a number yet.
  void fall(T* pairs) const {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j <= i; ++j) pairs[i * kPairs + j] *= fall_[i * kPairs + j];
  }

  /// Calls body(rows, keys) for blocks that cover all pairs j <= i, with the factors of its rows in
  /// row_factor_ and of its keys in low; what lies right of a block comes after it.
  template <class Body>
  void for_each_block(int64_t begin, int64_t end, const Body& body) const {
    if (is_gentle(begin, end)) return decayed(begin, end, begin, end, begin, body);
    const int64_t middle = (begin + end) / 2;
    decayed(middle, end, begin, middle, middle - 1, body);
    for_each_block(begin, middle, body);
    for_each_block(middle, end, body);
  }

  template <class Body>
  void decayed(int64_t i, int64_t i_end, int64_t j, int64_t j_end, int64_t border,
               const Body& body) const {
    const double* origin = log_ + border * wide_d;
    for (int64_t t = i; t < i_end; ++t)
      exp2_row(log_ + t * wide_d, origin, 1, wide_d, row_factor_ + t * wide_d);
    for (int64_t t = j; t < j_end; ++t)
      exp2_row(log_ + t * wide_d, origin, -1, wide_d, low + t * wide_d);
    body(i, i_end, j, j_end);
  }

  bool is_gentle(int64_t begin, int64_t end) const {
    const double* origin = log_ + begin * wide_d;
    for (int64_t i = begin + 1; i < end; ++i) {
      int64_t steep = 0;
      for (int64_t d = 0; d < wide_d; ++d)
        steep += std::abs(log_[i * wide_d + d] - origin[d]) <= kGentle ? 0 : 1;
      if (steep > 0) return false;
    }
    return true;
  }

  void block_forward(int64_t i, int64_t i_end, int64_t j, int64_t j_end) const {
    const int64_t rows = (i_end - i) * wide_d, keys = (j_end - j) * wide_d;
    multiply(key + j * wide_d, low + j * wide_d, keys, key_low_);
    const auto turned =
        transposed_rows(Left<T>{key_low_, wide_d, 1}, j_end - j, D, T{1}, key_turned_);
    for (int64_t slot = 0; slot < slots; ++slot) {
      multiply(row(slot) + i * wide_d, row_factor_ + i * wide_d, rows, faded_);
      gemm<false>(i_end - i, j_end - j, D, Left<T>{faded_, wide_d, 1}, turned,
                  Result<T>{pair(slot), kPairs}.from(i, j));
    }
  }

  void block_backward(int64_t i, int64_t i_end, int64_t j, int64_t j_end, const T* grad_pairs,
                      T* grad_rows, T* grad_key, T* scratch) const {
    const int64_t n = i_end - i, m = j_end - j, rows = n * wide_d, keys = m * wide_d;
    std::fill_n(scratch, keys, T{0});
    for (int64_t slot = 0; slot < slots; ++slot) {
      const T* grad = grad_pairs + (slot * kLinearChunk + i) * kPairs + j;
      multiply(row(slot) + i * wide_d, row_factor_ + i * wide_d, rows, faded_);
      gemm<true>(m, D, n, Left<T>{grad, 1, kPairs}, Right<T>{faded_, wide_d},
                 Result<T>{scratch, wide_d});
    }
    multiply_add(scratch, low + j * wide_d, keys, grad_key + j * wide_d);
    multiply(key + j * wide_d, low + j * wide_d, keys, key_low_);
    for (int64_t slot = 0; slot < slots; ++slot) {
      const T* grad = grad_pairs + (slot * kLinearChunk + i) * kPairs + j;
      std::fill_n(scratch, rows, T{0});
      gemm<true>(n, D, m, Left<T>{grad, kPairs, 1}, Right<T>{key_low_, wide_d},
                 Result<T>{scratch, wide_d});
      multiply_add(scratch, row_factor_ + i * wide_d, rows,
                   grad_rows + (slot * kLinearChunk + i) * wide_d);
    }
  }

  const bool decays_;
  bool gentle_ = true;
  T *rows_, *rows_in_, *pairs_, *key_low_, *key_turned_, *fall_, *row_factor_, *faded_;
  double *log_, *zero_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
