// Steps of a decoder's blocks without a tensor in between.
#pragma once

#include "heed/nn/key_value_cache.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/transformer_block.h"
#include "heed/nn/transformer_decoder_block.h"

namespace heed::nn {

/// The next token of every sequence, x (B, 1, M) -> (B, 1, M), by the kernels that the block's modules
/// call, with their bits: numbers pass from one to the next in one piece of memory that the thread
/// keeps, where modules make some forty tensors a block, which takes longer than a small model's products.
///
/// Undefined, and nothing done, for what is left to the modules: a first token, for which the cache has no
/// memory yet; other dtypes than float32 on the CPU, gradients, training; somebody who looks (Recording,
/// Probe); adapters; attentions that are more than softmax of scaled products with causal or length masks
/// and rope; normalised queries. Of sequences that step together (StepRows) x is (1, T, M), and the cache and z are not
/// looked at.
at::Tensor step_by_rows(TransformerBlockImpl& block, const at::Tensor& x, KeyValueCache& cache,
                        const AttendInputs& inputs);
/// `to_source`: the lengths of z alone.
at::Tensor step_by_rows(TransformerDecoderBlockImpl& block, const at::Tensor& x,
                        KeyValueCache& cache, const KeyValues& z, const AttendInputs& to_source);

}  // namespace heed::nn
