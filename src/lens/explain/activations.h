// What passed through a model for one example.
#pragma once

#include <utility>
#include <vector>

#include "heed/nn/probe.h"
#include "heed/tasks/question.h"

namespace heed::lens {

struct Activations {
  struct Called {
    nn::AttentionCall call;
    at::Tensor heads;  ///< (B, H, Lq, E)
  };
  struct Block {
    at::Tensor before, after;  ///< (B, L, M)
  };
  std::vector<Called> calls;  ///< in their order
  std::vector<Block> blocks;

  static Activations of(const Question& example);
};

/// The value of an example, (), and what each head of each call gave, (B, H, Lq, E), of which it has gradients.
std::pair<at::Tensor, std::vector<at::Tensor>> heads_with_gradient(const Question& example);

}  // namespace heed::lens
