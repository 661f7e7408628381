// One chunk of linear attention in the cache: its rows, its decays and its products of pairs.
//
// Rows that look back at the chunk's keys stand in slots: the queries of the group, and with the
// delta rule the keys themselves, negated, so that what they find is added too. A slot's pair (i,
// j) is sum_d row_id k_jd exp(c_id - c_jd), and the exponential must not be taken apart where a
// part would overflow:
//   one decay per head   the pairs' products are multiplied by exp(c_i - c_j)
//   a decay per channel  where the chunk decays gently, row exp(c_i) and k exp(-c_j). Otherwise the
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

/// A chunk is gentle up to a decay by 2^24 = e^16.6, whose inverse is far from overflow.
inline constexpr double kGentle = 24;

/// A block of pairs this small is no product of matrices any more.
inline constexpr int64_t kCorner = 8;

/// The gradients of the pairs, and where what follows from them is added.
template <class T>
struct PairGradients {
  T* pairs;       ///< (slots, kLinearChunk, kPairs), up to the diagonal
  T *rows, *key;  ///< (slots, kLinearChunk, wide_d), (kLinearChunk, wide_d)
  T* decay;       ///< of the log decays: (kLinearChunk, wide_d), or (kLinearChunk) of one per head
  T* scratch;     ///< (kLinearChunk, wide_d)

  T* pair(int64_t slot) const { return pairs + slot * kLinearChunk * kPairs; }
};

template <class T>
class LinearChunk {
 public:
  LinearChunk(Arena& arena, const LinearProblem<T>& problem)
      : problem_(problem),
        D(problem.D),
        E(problem.E),
        wide_d(round_up(D, kAlign)),
        wide_e(round_up(E, kAlign)),
        queries(problem.G == 0 ? 0 : problem.H / problem.G),
        slots(queries + (problem.delta ? 1 : 0)),
        decays_(problem.decay != Decay::none) {
    const int64_t rows = kLinearChunk * wide_d;
    rows_ = arena.take<T>(slots * rows);
    rows_in_ = decays_ ? arena.take<T>(slots * rows) : rows_;
    pairs_ = arena.take<T>(slots * kLinearChunk * kPairs);
    key = arena.take<T>(rows);
    key_out = decays_ ? arena.take<T>(rows) : key;
    key_low_ = problem.decay == Decay::channel ? arena.take<T>(rows) : key;
    key_transposed_ = arena.take<T>(D * kStride);
    u = arena.take<T>(kLinearChunk * wide_e);
    x = problem.delta ? arena.take<T>(kLinearChunk * wide_e) : u;
    beta = arena.take<T>(problem.delta ? kLinearChunk : 0);
    const int64_t factors = decays_ ? rows : 0;
    log_ = arena.take<double>(factors), zero_ = arena.take<double>(decays_ ? wide_d : 0);
    in = arena.take<T>(factors), out = arena.take<T>(factors), low = arena.take<T>(factors);
    fall_ = arena.take<T>(problem.decay == Decay::head ? kLinearChunk * kPairs : 0);
    const bool by_channel = problem.decay == Decay::channel;
    row_factor_ = arena.take<T>(by_channel ? rows : 0);
    faded_ = arena.take<T>(by_channel ? slots * rows : 0);
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
  /// Whether its rows see the keys before theirs alone.
  bool is_strict(int64_t slot) const { return slot >= queries; }

  /// From the gradients of the pairs (overwritten) those of the rows, of the keys and of the log
  /// decays, added.
  HWY_NOINLINE void pairs_backward(const PairGradients<T>& at) const {
    if (slots == 0) return;
    if (problem_.decay == Decay::channel) {
      const Faded faded = gentle_ ? Faded{rows_in_, in} : Faded{faded_, row_factor_};
      return blocks_backward(0, count, gentle_, faded, at);
    }
    if (problem_.decay == Decay::head) {
      fall_backward(at);
      for (int64_t slot = 0; slot < slots; ++slot) fall(at.pair(slot));
    }
    for (int64_t slot = 0; slot < slots; ++slot) {
      add_upper(at.pair(slot), count, D, is_strict(slot), Right<T>{row(slot), wide_d},
                Result<T>{at.key, wide_d});
      add_lower(at.pair(slot), count, D, is_strict(slot), Right<T>{key, wide_d},
                Result<T>{at.rows + slot * kLinearChunk * wide_d, wide_d});
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
  /// Rows of all slots times the exponentials beside them.
  struct Faded {
    const T *rows, *factor;
  };

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
    double column[kLinearChunk] = {}, origin[kLinearChunk];
    T factors[kLinearChunk];
    for (int64_t j = 0; j < count; ++j) column[j] = log_[j * wide_d];
    for (int64_t i = 0; i < count; ++i) {
      std::fill_n(origin, round_up(i + 1, kMaxLanes), column[i]);
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
      const auto keys =
          transposed_rows(Left<T>{key_low_, wide_d, 1}, count, D, T{1}, key_transposed_);
      for (int64_t slot = 0; slot < slots; ++slot) {
        const Left<T> rows{by_channel ? row_in(slot) : row(slot), wide_d, 1};
        for (int64_t i = 0; i < count; i += kPairRows) {
          const int64_t end = std::min(i + kPairRows, count);
          gemm<false>(end - i, end, D, rows.from(i), keys, Result<T>{pair(slot), kPairs}.from(i));
        }
        if (problem_.decay == Decay::head) fall(pair(slot));
      }
    }
  }

  /// Only the pairs that were computed: what stands above them is not a number yet.
  void fall(T* pairs) const {
    for (int64_t i = 0; i < count; ++i)
      multiply(pairs + i * kPairs, fall_ + i * kPairs, i + 1, pairs + i * kPairs);
  }

  /// Calls body(rows, keys) for blocks that cover all pairs j <= i, with its rows faded in faded_
  /// and its keys in key_low_; what lies right of a block comes after it.
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
    fade(i, i_end, j, j_end, border);
    body(i, i_end, j, j_end);
  }

  /// Rows i .. i_end and keys j .. j_end as they decay from and to the border.
  void fade(int64_t i, int64_t i_end, int64_t j, int64_t j_end, int64_t border) const {
    const double* origin = log_ + border * wide_d;
    for (int64_t t = i; t < i_end; ++t)
      exp2_row(log_ + t * wide_d, origin, 1, wide_d, row_factor_ + t * wide_d);
    for (int64_t t = j; t < j_end; ++t)
      exp2_row(log_ + t * wide_d, origin, -1, wide_d, low + t * wide_d);
    const int64_t from = i * wide_d, rows = (i_end - i) * wide_d;
    for (int64_t slot = 0; slot < slots; ++slot)
      multiply(row(slot) + from, row_factor_ + from, rows,
               faded_ + slot * kLinearChunk * wide_d + from);
    multiply(key + j * wide_d, low + j * wide_d, (j_end - j) * wide_d, key_low_ + j * wide_d);
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
    const auto transposed = transposed_rows(Left<T>{key_low_ + j * wide_d, wide_d, 1}, j_end - j, D,
                                            T{1}, key_transposed_);
    for (int64_t slot = 0; slot < slots; ++slot)
      gemm<false>(i_end - i, j_end - j, D,
                  Left<T>{faded_ + (slot * kLinearChunk + i) * wide_d, wide_d, 1}, transposed,
                  Result<T>{pair(slot), kPairs}.from(i, j));
  }

  /// The pair (i, j) decays by the steps j + 1 .. i: step t gets what all pairs j < t <= i get. So
  /// nothing that t does not touch is added and taken off again, and the gradient of a strong decay
  /// is as good as that of a weak one. `sum` holds a number for each j: of the rows from t on.
  void fall_backward(const PairGradients<T>& at) const {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    T sum[kLinearChunk + kMaxLanes];
    std::fill_n(sum, kLinearChunk + kMaxLanes, T{0});
    for (int64_t t = count - 1; t > 0; --t) {
      auto all = hn::Zero(d);
      for (int64_t j = 0; j < t; j += lanes) {
        const auto earlier = hn::FirstN(d, static_cast<size_t>(t - j));
        auto of_key = hn::LoadU(d, sum + j);
        for (int64_t slot = 0; slot < slots; ++slot) {
          const int64_t place = t * kPairs + j;
          of_key = hn::MulAdd(hn::LoadU(d, pair(slot) + place), hn::LoadU(d, at.pair(slot) + place),
                              of_key);
        }
        of_key = hn::IfThenElseZero(earlier, of_key);
        hn::StoreU(of_key, d, sum + j);
        all = hn::Add(all, of_key);
      }
      at.decay[t] += hn::GetLane(hn::SumOfLanes(d, all));
    }
  }

  /// As for_each_block, and where a block is gentle further down to corners, as `faded` as it is.
  void blocks_backward(int64_t begin, int64_t end, bool gentle, const Faded& faded,
                       const PairGradients<T>& at) const {
    if (!gentle && is_gentle(begin, end)) {
      fade(begin, end, begin, end, begin);
      gentle = true;
    }
    if (gentle && end - begin <= kCorner) return corner_backward(begin, end, faded, at);
    const int64_t middle = (begin + end) / 2;
    if (!gentle) fade(middle, end, begin, middle, middle - 1);
    block_backward(middle, end, begin, middle, faded, at);
    blocks_backward(begin, middle, gentle, faded, at);
    blocks_backward(middle, end, gentle, faded, at);
  }

  /// Rows i .. i_end and keys j .. j_end = i.
  void block_backward(int64_t i, int64_t i_end, int64_t j, int64_t j_end, const Faded& faded,
                      const PairGradients<T>& at) const {
    const int64_t n = i_end - i, m = j_end - j, first = i * wide_d, first_key = j * wide_d;
    const Result<T> found{at.scratch, wide_d};
    for (int64_t slot = 0; slot < slots; ++slot) {
      const Left<T> transposed{at.pair(slot) + i * kPairs + j, 1, kPairs};
      const Right<T> rows{faded.rows + slot * kLinearChunk * wide_d + first, wide_d};
      slot == 0 ? gemm<false>(m, D, n, transposed, rows, found)
                : gemm<true>(m, D, n, transposed, rows, found);
    }
    multiply_add(at.scratch, low + first_key, m * wide_d, at.key + first_key);
    add_from_above(at.scratch, key_low_ + first_key, m, wide_d, at.decay + first_key);
    for (int64_t slot = 0; slot < slots; ++slot) {
      const int64_t row = slot * kLinearChunk * wide_d + first;
      gemm<false>(n, D, m, Left<T>{at.pair(slot) + i * kPairs + j, kPairs, 1},
                  Right<T>{key_low_ + first_key, wide_d}, found);
      multiply_add(at.scratch, faded.factor + first, n * wide_d, at.rows + row);
      add_from_below(at.scratch, faded.rows + row, n, wide_d, at.decay + first);
    }
  }

  /// The pairs of rows and keys begin .. end.
  void corner_backward(int64_t begin, int64_t end, const Faded& faded,
                       const PairGradients<T>& at) const {
    for (int64_t slot = 0; slot < slots; ++slot) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t here = i * wide_d, in_slot = slot * kLinearChunk * wide_d + here;
        const T* pairs = at.pair(slot) + i * kPairs;
        if (i > begin) {
          earlier_backward(pairs + begin, i - begin, faded.rows + in_slot, begin * wide_d, at);
          multiply_add(at.scratch, faded.factor + here, wide_d, at.rows + in_slot);
        }
        if (is_strict(slot)) continue;
        add_times(key + here, pairs[i], at.rows + in_slot);
        add_times(row(slot) + here, pairs[i], at.key + here);
      }
    }
  }

  /// Of one row and the `keys` keys before it, the first of which stands at `first`; what the row
  /// gets comes to scratch.
  HWY_INLINE void earlier_backward(const T* pairs, int64_t keys, const T* faded, int64_t first,
                                   const PairGradients<T>& at) const {
    const Vector<T> d;
    for (int64_t e = 0; e < wide_d; e += static_cast<int64_t>(hn::Lanes(d))) {
      const auto row = hn::LoadU(d, faded + e);
      auto found = hn::Zero(d);
      for (int64_t j = 0, at_key = first + e; j < keys; ++j, at_key += wide_d) {
        const auto grad = hn::Set(d, pairs[j]);
        T *to_key = at.key + at_key, *to_decay = at.decay + at_key + wide_d;
        found = hn::MulAdd(grad, hn::LoadU(d, key_low_ + at_key), found);
        const auto faded_grad = hn::Mul(grad, hn::LoadU(d, low + at_key));
        hn::StoreU(hn::MulAdd(faded_grad, row, hn::LoadU(d, to_key)), d, to_key);
        hn::StoreU(hn::MulAdd(found, row, hn::LoadU(d, to_decay)), d, to_decay);
      }
      hn::StoreU(found, d, at.scratch + e);
    }
  }

  /// to += factor from, of a row.
  HWY_INLINE void add_times(const T* from, T factor, T* to) const {
    for (int64_t e = 0; e < wide_d; ++e) to[e] += factor * from[e];
  }

  const bool decays_;
  bool gentle_ = true;
  T *rows_, *rows_in_, *pairs_, *key_low_, *key_transposed_, *fall_, *row_factor_, *faded_;
  double *log_, *zero_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
