// A call on CPU tensors: through the tile kernels, or through the formula a block of rows at a time
// where a word has no stage.
#pragma once

#include "ops/call.h"
#include "ops/pipeline.h"

namespace heed::ops {

/// A call on CPU tensors, by whoever can compute it, and its gradients, as below.
Attended on_cpu_tensors(const Call& call, bool want_logsumexp);
std::vector<at::Tensor> cpu_gradients(const Call& call, const at::Tensor& out,
                                      const at::Tensor& row_stats, const at::Tensor& grad_out,
                                      const std::vector<bool>& wanted);

/// Whether every word of the attention has its stage.
bool kernels_can(const Call& call);

/// q, k, v in the dtype of the computation, and what the words make of them. Recorded by autograd
/// where gradients are on. Of a call of rows and keys from context.row and context.column on: their
/// bias alone is cut to them, as q, k and v are.
Operands prepared(const Call& call);

/// The stages over the memory of operands, which must outlive it.
template <class T>
Pipeline<T> pipeline_of(const Call& call, const Operands& operands);

/// row_stats (2, B, H, Lq), contiguous.
template <class T>
kernels::RowStats<T> row_stats_of(const at::Tensor& row_stats);

/// out and row_stats in the dtype of the computation. O(Lq + Lk) memory beside them.
Attended by_kernels(const Call& call, bool want_logsumexp);

/// Gradients of differentiable(call) from out, row_stats (as by_kernels gave them) and the gradient
/// of out. Those that are not wanted are undefined; each is in the dtype of its input.
std::vector<at::Tensor> kernel_gradients(const Call& call, const at::Tensor& out,
                                         const at::Tensor& row_stats, const at::Tensor& grad_out,
                                         const std::vector<bool>& wanted);

/// The formula on blocks of rows, computed again in backward: O(Lq + Lk) memory, the speed of
/// LibTorch's operators.
Attended by_blocks(const Call& call, bool want_logsumexp);
std::vector<at::Tensor> block_gradients(const Call& call, const at::Tensor& grad_out,
                                        const std::vector<bool>& wanted);

/// From the gradients of results, those of inputs, undefined where an input plays no part.
std::vector<at::Tensor> gradients_through(const std::vector<at::Tensor>& results,
                                          const std::vector<at::Tensor>& grads,
                                          const std::vector<at::Tensor>& inputs);

}  // namespace heed::ops
