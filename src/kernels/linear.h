// The linear attention family on raw memory: a state of fixed size that passes over the sequence,
// a chunk of steps at a time. No LibTorch here. Checks stand in ops/; everything below trusts its
// arguments.
//
// For each batch and state head, with a = exp(decay) (1 without) and the state S (D, E):
//
//   S_t = diag(a_t) S_{t-1} + k_t u_t^T
//   u_t = v_t,  or by the delta rule  u_t = beta_t (v_t - (diag(a_t) S_{t-1})^T k_t)
//   o_t = scale S_t^T q_t
//
// Within a chunk that starts at S, and with c_t the sum of the chunk's log decays up to t:
//
//   M_tj = sum_d k_td k_jd exp(c_td - c_jd)  (j < t),   A_tj the same of q and k  (j <= t)
//   U = diag(beta) (V - (K exp(c)) S - M U)             solved downwards
//   O = scale ((Q exp(c)) S + A U)
//   S' = diag(exp(c_last)) S + (K exp(c_last - c))^T U
//
// which are products of matrices (Yang et al. 2024, "Parallelizing Linear Transformers with the
// Delta Rule over Sequence Length").
#pragma once

#include <cstdint>

#include "kernels/attend.h"

namespace heed::kernels {

enum class Decay { none, head, channel };  ///< one number per step: none, one for all of D, D

inline constexpr int64_t kLinearChunk = 64;  ///< the longest chunk

template <class T>
struct LinearProblem {
  int64_t B = 0, H = 0, G = 0, L = 0, D = 0, E = 0;  ///< H queries of G states; G divides H
  View<const T> q, k, v;                             ///< (B, H, L, D), (B, G, L, D), (B, G, L, E)
  View<const T> log_decay;     ///< (B, G, L, 1 or D), read unless decay is none
  View<const T> beta;          ///< (B, G, L, 1), read with the delta rule
  const T* initial = nullptr;  ///< (B, G, D, E) contiguous; null: 0
  Decay decay = Decay::none;
  bool delta = false;
  T scale = 1;
  int64_t chunk = kLinearChunk;  ///< 1 .. kLinearChunk

  int64_t chunks() const noexcept { return (L + chunk - 1) / chunk; }
  /// Whether a state is added to so often that what rounding takes is worth keeping: not step by
  /// step, where it would cost as much as the step.
  bool keeps_lost() const noexcept { return chunk > 1 && L > chunk; }
};

/// Where the gradients go: written, not added. `log_decay` has the columns of the problem's; null
/// data: not wanted.
template <class T>
struct LinearGradients {
  View<T> q, k, v, log_decay, beta;
  T* initial = nullptr;  ///< (B, G, D, E) contiguous
};

/// out (B, H, L, E); last (B, G, D, E) contiguous: the state after the last step; starts
/// (B, G, chunks, D, E) contiguous: the states with which chunks start, for backward (null: not
/// wanted). Throws std::bad_alloc and nothing else.
template <class T>
void linear_forward(const LinearProblem<T>& problem, View<T> out, T* starts, T* last);

/// From the states that forward left and the gradients of out and last (null: 0). Throws
/// std::bad_alloc and nothing else.
template <class T>
void linear_backward(const LinearProblem<T>& problem, const T* starts, View<const T> grad_out,
                     const T* grad_last, const LinearGradients<T>& grads);

}  // namespace heed::kernels
