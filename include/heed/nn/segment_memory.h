// Long inputs in segments: each layer remembers what it was given last.
#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include <cstdint>
#include <vector>

#include "heed/nn/transformer_block.h"

namespace heed::nn {

/// The last n hidden states that each layer was given, without gradient (Transformer-XL, Dai et al.
/// 2019). With h_i the states before layer i of this segment (B, L, M) and m_i those remembered:
///
///   h_(i+1) = layer_i(h_i with keys and values of [m_i; h_i]),  m_i = stop([m_i; h_i]) last n
///
/// so what a layer sees reaches n tokens further back, and through all layers layers * n. Positions
/// that depend on the distance alone suit it (rope); keys count from the first one remembered.
/// A causal attention of whole segments gives what it gives of the whole input as long as nothing
/// it would see was forgotten. Memory: layers B n M numbers; cost of a segment: attention over n +
/// L keys.
class SegmentMemory {
 public:
  SegmentMemory(int64_t layers, int64_t length);  ///< length: n

  /// Through TransformerBlocks, as many as layers, (B, L, M) -> (B, L, M), and remembers. Throws
  /// UsageError for another number or kind of layers, or another batch or width than remembered.
  at::Tensor forward(const torch::nn::ModuleList& layers, const at::Tensor& x,
                     const AttendInputs& inputs = {});

  at::Tensor before(int64_t layer) const;             ///< (B, up to n, M); undefined where nothing
  void remember(int64_t layer, const at::Tensor& x);  ///< x (B, L, M)
  int64_t length(int64_t layer) const;                ///< how many states it has of that layer
  void clear();                                       ///< another input begins

 private:
  void check_layer(int64_t layer) const;
  void check_states(int64_t layer, const at::Tensor& x) const;

  int64_t length_;
  std::vector<at::Tensor> states_;
};

}  // namespace heed::nn
