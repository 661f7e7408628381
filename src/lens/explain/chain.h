// The Transformer blocks that an example went through, in the order in which one reads what another gave.
#pragma once

#include <optional>
#include <vector>

#include "heed/nn/probe.h"
#include "heed/nn/recording.h"
#include "lens/explain/reader.h"

namespace heed::lens {

/// One attention of a block.
struct Look {
  nn::AttentionCall call;
  size_t map = 0;              ///< its number in the recording
  at::Tensor heads;            ///< (B, H, Lq, E), with gradient history
  at::Tensor heads_grad = {};  ///< dvalue / dheads
};

struct PassedBlock {
  torch::nn::Module* module = nullptr;
  AttendInputs inputs;       ///< that the block was given
  at::Tensor before, after;  ///< (B, L, M)
  std::optional<Look> self, cross;
};

/// Blocks of one stream of tokens: each reads what the one before it gave.
struct Chain {
  std::vector<PassedBlock> blocks;
  at::Tensor
      reading;  ///< (B, L) float64, of which the sum is 1: the tokens' shares in the head's reading
};

/// A pass over a question's example with everything that flows are computed from.
struct Passed {
  std::vector<Map> maps;
  Chain own;                    ///< whose last states the head reads
  std::optional<Chain> source;  ///< what own's cross attentions look at
};

/// Throws UsageError where the example's blocks are no such chains. With `gradients` looks have heads_grad.
Passed pass(const Reader& reader, bool gradients);

/// (B, L) of a chain as numbers of the reader's tokens, (n) float64: without a class token that the tokens do not have.
at::Tensor of_tokens(const Reader& reader, const at::Tensor& own, const at::Tensor& source);

}  // namespace heed::lens
