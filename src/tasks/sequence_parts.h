// Which models can be trained on parts of sequences (train.sequence_parallel).
#pragma once

#include <torch/nn/module.h>

#include "heed/models/transformer.h"

namespace heed {

/// Whether the encoder has Transformer blocks, whose tokens may be parted among processes.
bool has_blocks(const torch::nn::Module& encoder);

/// Throws ModelError that names what in its blocks a part of the tokens is not enough for.
void check_parts(const torch::nn::Module& encoder);

/// The same of a transformer that a head has of its own.
void check_parts(const TransformerOptions& model);

}  // namespace heed
