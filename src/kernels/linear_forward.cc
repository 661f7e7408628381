// Forward of linear attention: the states of different heads are independent, so each is its own
// piece of work; its chunks follow each other.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/linear_forward.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "heed/core/threads.h"
#include "kernels/linear_chunk-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace {

template <class T>
struct ForwardBuffers {
  LinearChunk<T> chunk;
  T *state, *lost, *more, *out;

  ForwardBuffers(Arena& arena, const LinearProblem<T>& problem) : chunk(arena, problem) {
    for (T** x : {&state, &lost, &more}) *x = arena.take<T>(chunk.D * chunk.wide_e);
    out = arena.take<T>(kLinearChunk * chunk.wide_e);
  }
};

template <class T>
void store_state(const T* state, int64_t D, int64_t E, int64_t stride, T* to) {
  for (int64_t d = 0; d < D; ++d) std::copy_n(state + d * stride, E, to + d * E);
}

/// The outputs of the chunk that starts at step `first`.
template <class T>
HWY_NOINLINE void write_outputs(const ForwardBuffers<T>& at, int64_t batch, int64_t group,
                                int64_t first, View<T> out) {
  const auto& chunk = at.chunk;
  for (int64_t slot = 0; slot < chunk.queries; ++slot) {
    const Result<T> result{at.out, chunk.wide_e};
    gemm<false>(chunk.count, chunk.E, chunk.D, Left<T>{chunk.row_in(slot), chunk.wide_d, 1},
                Right<T>{at.state, chunk.wide_e}, result);
    add_lower(chunk.pair(slot), chunk.count, chunk.E, /*strict=*/false,
              Right<T>{chunk.u, chunk.wide_e}, result);
    T* to = out.at(batch, group * chunk.queries + slot) + first * out.row;
    for (int64_t i = 0; i < chunk.count; ++i)
      store_row(at.out + i * chunk.wide_e, chunk.E, T{1}, to + i * out.row, out.column);
  }
}

/// From the chunk's first state to its last.
template <class T>
HWY_NOINLINE void pass_chunk(const ForwardBuffers<T>& at, bool keeps) {
  const auto& chunk = at.chunk;
  const Left<T> keys{chunk.key_out, 1, chunk.wide_d};
  const Right<T> u{chunk.u, chunk.wide_e};
  chunk.decay_state(at.state);
  if (!keeps)
    return gemm<true>(chunk.D, chunk.E, chunk.count, keys, u, Result<T>{at.state, chunk.wide_e});
  gemm<false>(chunk.D, chunk.E, chunk.count, keys, u, Result<T>{at.more, chunk.wide_e});
  chunk.decay_state(at.lost);
  add_to_state(at.more, chunk.D * chunk.wide_e, at.state, at.lost);
}

template <class T>
void one_state(const LinearProblem<T>& problem, int64_t item, ForwardBuffers<T>& at, View<T> out,
               T* starts, T* last) {
  const int64_t batch = item / problem.G, group = item % problem.G;
  const int64_t D = problem.D, E = problem.E;
  auto& chunk = at.chunk;
  for (T* x : {at.state, at.lost}) std::fill_n(x, D * chunk.wide_e, T{0});
  if (problem.initial)
    load_rows(Left<T>{problem.initial + item * D * E, E, 1}, D, E, T{1}, at.state, chunk.wide_e);
  for (int64_t first = 0, number = 0; first < problem.L; first += problem.chunk, ++number) {
    if (starts)
      store_state(at.state, D, E, chunk.wide_e,
                  starts + (item * problem.chunks() + number) * D * E);
    chunk.load(batch, group, first, std::min(problem.chunk, problem.L - first));
    chunk.solve(batch, group, first, at.state);
    write_outputs(at, batch, group, first, out);
    pass_chunk(at, problem.keeps_lost());
  }
  store_state(at.state, D, E, chunk.wide_e, last + item * D * E);
}

template <class T>
void forward(const LinearProblem<T>& problem, View<T> out, T* starts, T* last) {
  parallel_for(problem.B * problem.G, [&](int64_t item) HWY_ATTR {
    Arena count;
    ForwardBuffers<T>(count, problem);
    Arena arena(thread_scratch(count.used()));
    ForwardBuffers<T> buffers(arena, problem);
    one_state(problem, item, buffers, out, starts, last);
  });
}

}  // namespace

void linear_forward_float(const LinearProblem<float>& problem, View<float> out, float* starts,
                          float* last) {
  forward(problem, out, starts, last);
}
void linear_forward_double(const LinearProblem<double>& problem, View<double> out, double* starts,
                           double* last) {
  forward(problem, out, starts, last);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(linear_forward_float);
HWY_EXPORT(linear_forward_double);

template <>
void linear_forward(const LinearProblem<float>& problem, View<float> out, float* starts,
                    float* last) {
  HWY_DYNAMIC_DISPATCH(linear_forward_float)(problem, out, starts, last);
}

template <>
void linear_forward(const LinearProblem<double>& problem, View<double> out, double* starts,
                    double* last) {
  HWY_DYNAMIC_DISPATCH(linear_forward_double)(problem, out, starts, last);
}

}  // namespace heed::kernels
#endif
