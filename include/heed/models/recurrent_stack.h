// Layers of recurrent cells that read a text both ways.
#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include <array>
#include <cstdint>
#include <string>

namespace heed {

/// The last states of both directions beside each other, (B, M), and all of them, (L, B, M).
struct ReadBothWays {
  at::Tensor last, all;
};

enum class RecurrentCell { lstm, gru };
constexpr std::array<const char*, 2> words(RecurrentCell) { return {"lstm", "gru"}; }

/// x (L, B, X), lengths (B) int64 -> [forward_t; backward_t] (L, B, M), each direction a cell of
/// width M / 2; further layers read what both directions of the one below wrote, dropped with the
/// probability `dropout`. What stands behind a length is read by neither direction.
///
/// A member of the module that owns it, with which it registers NAME.I.forward.* and
/// NAME.I.backward.* (models::Cell).
class RecurrentStack {
 public:
  RecurrentStack() = default;
  RecurrentStack(torch::nn::Module& owner, const std::string& name, int64_t count,
                 RecurrentCell cell, int64_t width, int64_t input_width);

  ReadBothWays forward(at::Tensor x, const at::Tensor& lengths, double dropout);

  torch::nn::ModuleList layers{nullptr};
};

}  // namespace heed
