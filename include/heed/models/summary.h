// What a model is made of: a table of layers, shapes, parameters and operations.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace heed {

struct SummaryRow {
  std::string path;             ///< "encoder.layers.0.attention.qkv"; empty for the model itself
  std::string kind;             ///< "Linear"
  std::vector<int64_t> output;  ///< shape of what it gave last; empty where it did not run
  int64_t parameters = 0;       ///< its own, without those of the modules in it
  int64_t operations = 0;       ///< of its products, see `summarize`
};

struct Summary {
  std::vector<SummaryRow> rows;  ///< modules with parameters of their own or attention, in order
  int64_t parameters = 0;        ///< sums over the rows
  int64_t operations = 0;
};

/// Runs `forward` once, in evaluation mode and without gradients, and watches which operators use
/// which module's parameters; LibTorch's own modules and Heed's alike.
///
///     auto summary = heed::summarize(*model, [&] { model->forward(torch::zeros({1, 1, 28, 28}));
///     });
///
/// Operations are those of linear layers, convolutions and attention, a multiplication and an
/// addition counted as two: 2 per weight and output position, 2 B H Lq Lk (D + E) for attention
/// (masks hide none of them). Norms, activations, softmax and additions are not counted. A
/// parameter that two modules share counts for the first. Throws what `forward` throws.
Summary summarize(torch::nn::Module& model, const std::function<void()>& forward);

}  // namespace heed
