// Backward of linear attention: chunks from the last to the first, each computed again from the
// state with which it started, with the gradient of the state passing the other way.
//
// With Y the gradient of what a slot's rows find (of the output for queries; with the delta rule
// for the negated keys that of U times beta), S the chunk's first state and R that of its last:
//
//   dU = (K exp(c_last - c)) R + sum over slots of pairs^T Y       solved upwards
//   d(rows exp(c)) = Y S^T,   d(pairs) = Y U^T,   d(K exp(c_last - c)) = U R^T
//   dS = diag(exp(c_last)) R + sum over slots of (rows exp(c))^T Y
//
// The gradient of the log decays at step t is the sum over everything that decays through t of it
// times its gradient: pairs j < t <= i, rows from t on with S, keys before t with R, and S with R.
// Taken together rather than as differences of sums over rows and keys, in which pairs that do not
// pass t would leave their rounding.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_backward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <numeric>

#include "heed/core/threads.h"
#include "kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
struct BackwardBuffers {
  LinearChunk<T> chunk;
  Transposed<T> state_transposed, grad_transposed;
  T *state, *grad, *grad_lost, *more;
  T *y, *grad_u, *u_transposed, *grad_rows, *grad_pairs, *grad_key, *scratch, *grad_beta;
  T *grad_decay, *kept;

  BackwardBuffers(Arena& arena, const LinearProblem<T>& problem)
      : chunk(arena, problem),
        state_transposed(arena, problem.D, problem.E),
        grad_transposed(arena, problem.D, problem.E) {
    const int64_t rows = kLinearChunk * chunk.wide_d, values = kLinearChunk * chunk.wide_e;
    state = arena.take<T>(chunk.D * chunk.wide_e);
    grad = arena.take<T>(chunk.D * chunk.wide_e);
    grad_lost = arena.take<T>(chunk.D * chunk.wide_e);
    more = arena.take<T>(chunk.D * chunk.wide_e);
    y = arena.take<T>(chunk.slots * values);
    grad_u = arena.take<T>(values);
    u_transposed = arena.take<T>(chunk.E * kStride);
    grad_rows = arena.take<T>(chunk.slots * rows);
    grad_pairs = arena.take<T>(chunk.slots * kLinearChunk * kPairs);
    grad_key = arena.take<T>(rows);
    scratch = arena.take<T>(rows);
    grad_beta = arena.take<T>(kLinearChunk);
    grad_decay = arena.take<T>(chunk.decays() ? rows : 0);
    kept = arena.take<T>(chunk.wide_d);
  }

  T* y_of(int64_t slot) const { return y + slot * kLinearChunk * chunk.wide_e; }
  T* rows_of_slot(int64_t slot) const { return grad_rows + slot * kLinearChunk * chunk.wide_d; }
  T* pairs_of(int64_t slot) const { return grad_pairs + slot * kLinearChunk * kPairs; }
};

/// Where a chunk lies.
struct Place {
  int64_t batch, group, first;
};

template <class T>
void store_rows(const T* from, int64_t stride, int64_t rows, int64_t width, T factor, View<T> to,
                int64_t head, const Place& place) {
  if (!to.data) return;
  T* out = to.at(place.batch, head) + place.first * to.row;
  for (int64_t i = 0; i < rows; ++i)
    store_row(from + i * stride, width, factor, out + i * to.row, to.column);
}

/// The gradient of U, and from it Y of the slot of the keys, from the last step to the first.
template <class T>
HWY_NOINLINE void solve_upwards(BackwardBuffers<T>& at, bool delta) {
  auto& chunk = at.chunk;
  const int64_t n = chunk.count, E = chunk.E, wide = chunk.wide_e;
  gemm<false>(n, E, chunk.D, Left<T>{chunk.key_out, chunk.wide_d, 1}, Right<T>{at.grad, wide},
              Result<T>{at.grad_u, wide});
  for (int64_t slot = 0; slot < chunk.queries; ++slot)
    add_upper(chunk.pair(slot), n, E, /*strict=*/false, Right<T>{at.y_of(slot), wide},
              Result<T>{at.grad_u, wide});
  if (!delta) return;
  const T* pairs = chunk.pair(chunk.queries);
  T* y = at.y_of(chunk.queries);
  for (int64_t end = n; end > 0;) {
    const int64_t begin = (end - 1) / 6 * 6;
    gemm<true>(end - begin, E, n - end, Left<T>{pairs + end * kPairs + begin, 1, kPairs},
               Right<T>{y + end * wide, wide}, Result<T>{at.grad_u + begin * wide, wide});
    for (int64_t t = end - 1; t >= begin; --t) {
      T* grad = at.grad_u + t * wide;
      gemm<true>(1, E, end - t - 1, Left<T>{pairs + (t + 1) * kPairs + t, 1, kPairs},
                 Right<T>{y + (t + 1) * wide, wide}, Result<T>{grad, wide});
      T sum = 0;
      for (int64_t e = 0; e < E; ++e) sum += grad[e] * chunk.x[t * wide + e];
      at.grad_beta[t] = sum;
      for (int64_t e = 0; e < wide; ++e) y[t * wide + e] = chunk.beta[t] * grad[e];
    }
    end = begin;
  }
}

/// What decays with the states: rows with the first, keys with the last, and these with each other.
template <class T>
HWY_NOINLINE void states_decay(const BackwardBuffers<T>& at, bool by_channel) {
  const auto& chunk = at.chunk;
  const int64_t n = chunk.count, wide = chunk.wide_d;
  std::fill_n(at.kept, wide, T{0});
  for (int64_t d = 0; d < chunk.D; ++d)
    at.kept[d] =
        chunk.total(d) * dot_row(at.state + d * chunk.wide_e, at.grad + d * chunk.wide_e, chunk.E);
  if (by_channel) {
    for (int64_t t = 0; t < n; ++t) std::copy_n(at.kept, wide, at.grad_decay + t * wide);
    for (int64_t slot = 0; slot < chunk.slots; ++slot)
      add_from_below(chunk.row(slot), at.rows_of_slot(slot), n, wide, at.grad_decay);
    return add_from_above(chunk.key, at.grad_key, n, wide, at.grad_decay);
  }
  T below = std::accumulate(at.kept, at.kept + chunk.D, T{0}), above = 0;
  for (int64_t t = n - 1; t >= 0; --t) {
    for (int64_t slot = 0; slot < chunk.slots; ++slot)
      below += dot_row(chunk.row(slot) + t * wide, at.rows_of_slot(slot) + t * wide, chunk.D);
    at.grad_decay[t] = below;
  }
  for (int64_t t = 1; t < n; ++t) {
    above += dot_row(chunk.key + (t - 1) * wide, at.grad_key + (t - 1) * wide, chunk.D);
    at.grad_decay[t] += above;
  }
}

/// The gradients of rows, pairs, keys and log decays.
template <class T>
HWY_NOINLINE void send_back(BackwardBuffers<T>& at, bool by_channel) {
  auto& chunk = at.chunk;
  const int64_t n = chunk.count, all = n * chunk.wide_d;
  const auto transposed =
      transposed_rows(Left<T>{chunk.u, chunk.wide_e, 1}, n, chunk.E, T{1}, at.u_transposed);
  at.state_transposed.set(at.state, chunk.wide_e);
  at.grad_transposed.set(at.grad, chunk.wide_e);
  at.grad_transposed.product(n, Left<T>{chunk.u, chunk.wide_e, 1},
                             Result<T>{at.grad_key, chunk.wide_d});
  if (chunk.decays()) multiply(at.grad_key, chunk.out, all, at.grad_key);
  for (int64_t slot = 0; slot < chunk.slots; ++slot) {
    const Left<T> y{at.y_of(slot), chunk.wide_e, 1};
    T *rows = at.rows_of_slot(slot), *pairs = at.pairs_of(slot);
    at.state_transposed.product(n, y, Result<T>{rows, chunk.wide_d});
    if (chunk.decays()) multiply(rows, chunk.in, all, rows);
    for (int64_t i = 0; i < n; i += kPairRows) {
      const int64_t end = std::min(i + kPairRows, n);
      gemm<false>(end - i, end, chunk.E, y.from(i), transposed, Result<T>{pairs, kPairs}.from(i));
    }
  }
  if (chunk.decays()) states_decay(at, by_channel);
  chunk.pairs_backward({at.grad_pairs, at.grad_rows, at.grad_key, at.grad_decay, at.scratch});
}

template <class T>
HWY_NOINLINE void store_gradients(const LinearProblem<T>& problem, BackwardBuffers<T>& at,
                                  const Place& place, const LinearGradients<T>& grads) {
  auto& chunk = at.chunk;
  const int64_t n = chunk.count, r = chunk.queries;
  for (int64_t slot = 0; slot < r; ++slot)
    store_rows(at.rows_of_slot(slot), chunk.wide_d, n, chunk.D, problem.scale, grads.q,
               place.group * r + slot, place);
  if (problem.delta) {  // the slot holds the keys negated
    const T* negated = at.rows_of_slot(r);
    for (int64_t i = 0; i < n * chunk.wide_d; ++i) at.grad_key[i] -= negated[i];
    store_rows(at.grad_beta, 1, n, 1, T{1}, grads.beta, place.group, place);
  }
  store_rows(at.grad_key, chunk.wide_d, n, chunk.D, T{1}, grads.k, place.group, place);
  store_rows(problem.delta ? at.y_of(r) : at.grad_u, chunk.wide_e, n, chunk.E, T{1}, grads.v,
             place.group, place);
  if (!chunk.decays()) return;
  const bool by_channel = problem.decay == Decay::channel;
  store_rows(at.grad_decay, by_channel ? chunk.wide_d : 1, n, by_channel ? chunk.D : 1, T{1},
             grads.log_decay, place.group, place);
}

/// The gradient of the state before the chunk.
template <class T>
HWY_NOINLINE void state_backward(const LinearProblem<T>& problem, BackwardBuffers<T>& at) {
  auto& chunk = at.chunk;
  const bool keeps = problem.keeps_lost();
  const Result<T> to{keeps ? at.more : at.grad, chunk.wide_e};
  chunk.decay_state(at.grad);
  if (keeps) std::fill_n(at.more, chunk.D * chunk.wide_e, T{0});
  for (int64_t slot = 0; slot < chunk.slots; ++slot)
    gemm<true>(chunk.D, chunk.E, chunk.count, Left<T>{chunk.row_in(slot), 1, chunk.wide_d},
               Right<T>{at.y_of(slot), chunk.wide_e}, to);
  if (!keeps) return;
  chunk.decay_state(at.grad_lost);
  add_to_state(at.more, chunk.D * chunk.wide_e, at.grad, at.grad_lost);
}

/// One chunk; `before` is the state (D, E) with which it starts.
template <class T>
void one_chunk(const LinearProblem<T>& problem, BackwardBuffers<T>& at, const Place& place,
               const T* before, View<const T> grad_out, const LinearGradients<T>& grads) {
  auto& chunk = at.chunk;
  const int64_t D = chunk.D, E = chunk.E;
  load_rows(Left<T>{before, E, 1}, D, E, T{1}, at.state, chunk.wide_e);
  chunk.load(place.batch, place.group, place.first,
             std::min(problem.chunk, problem.L - place.first));
  chunk.solve(place.batch, place.group, place.first, at.state);
  for (int64_t slot = 0; slot < chunk.queries; ++slot)
    load_rows(rows_of(grad_out, place.batch, place.group * chunk.queries + slot, place.first),
              chunk.count, E, T{1}, at.y_of(slot), chunk.wide_e);
  solve_upwards(at, problem.delta);
  send_back(at, problem.decay == Decay::channel);
  store_gradients(problem, at, place, grads);
  state_backward(problem, at);
}

template <class T>
void backward(const LinearProblem<T>& problem, const T* starts, View<const T> grad_out,
              const T* grad_last, const LinearGradients<T>& grads) {
  const int64_t chunks = problem.chunks(), size = problem.D * problem.E;
  parallel_for(problem.B * problem.G, [&](int64_t item) HWY_ATTR {
    Arena count;
    BackwardBuffers<T>(count, problem);
    Arena arena(thread_scratch(count.used()));
    BackwardBuffers<T> at(arena, problem);
    for (T* x : {at.grad, at.grad_lost}) std::fill_n(x, problem.D * at.chunk.wide_e, T{0});
    if (grad_last)
      load_rows(Left<T>{grad_last + item * size, problem.E, 1}, problem.D, problem.E, T{1}, at.grad,
                at.chunk.wide_e);
    for (int64_t number = chunks - 1; number >= 0; --number) {
      const T* before = starts + (item * chunks + number) * size;
      const Place place{item / problem.G, item % problem.G, number * problem.chunk};
      one_chunk(problem, at, place, before, grad_out, grads);
    }
    if (!grads.initial) return;
    for (int64_t d = 0; d < problem.D; ++d)
      std::copy_n(at.grad + d * at.chunk.wide_e, problem.E,
                  grads.initial + item * size + d * problem.E);
  });
}

}  // namespace

void linear_backward_float(const LinearProblem<float>& problem, const float* starts,
                           View<const float> grad_out, const float* grad_last,
                           const LinearGradients<float>& grads) {
  backward(problem, starts, grad_out, grad_last, grads);
}
void linear_backward_double(const LinearProblem<double>& problem, const double* starts,
                            View<const double> grad_out, const double* grad_last,
                            const LinearGradients<double>& grads) {
  backward(problem, starts, grad_out, grad_last, grads);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(linear_backward_float);
HWY_EXPORT(linear_backward_double);

template <>
void linear_backward(const LinearProblem<float>& problem, const float* starts,
                     View<const float> grad_out, const float* grad_last,
                     const LinearGradients<float>& grads) {
  HWY_DYNAMIC_DISPATCH(linear_backward_float)(problem, starts, grad_out, grad_last, grads);
}

template <>
void linear_backward(const LinearProblem<double>& problem, const double* starts,
                     View<const double> grad_out, const double* grad_last,
                     const LinearGradients<double>& grads) {
  HWY_DYNAMIC_DISPATCH(linear_backward_double)(problem, starts, grad_out, grad_last, grads);
}

}  // namespace heed::kernels
#endif
