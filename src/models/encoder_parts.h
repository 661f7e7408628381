// Parts that encoders share: embeddings, added positions, what attentions are told.
#pragma once

#include <torch/nn/module.h>

#include <string>

#include "heed/nn/positions.h"
#include "heed/ops/attend.h"

namespace heed::models {

/// A parameter (rows, width) from a normal of width^-0.5.
at::Tensor embedding_table(torch::nn::Module& owner, const std::string& name, int64_t rows,
                           int64_t width);

/// The vectors that a position adds, or none where it adds none. `length`: of the longest input, 0
/// where it is not known.
nn::AdditivePosition additive_position(torch::nn::Module& owner, const std::string& name,
                                       const OpSpec& position, int64_t width, int64_t length = 0);

/// ids (B, L) -> table[ids] (B, L, M), times sqrt(M) if `scale`.
at::Tensor embed(const at::Tensor& ids, const at::Tensor& table, bool scale);

/// Inputs with those lengths (B); of an undefined tensor without any.
AttendInputs told_lengths(const at::Tensor& lengths);

}  // namespace heed::models
