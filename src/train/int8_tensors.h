// Weights of 8 bits and of bfloat16 in a file of tensors.
#pragma once

#include <map>
#include <set>
#include <string>

#include "heed/formats/safetensors.h"
#include "nn/int8_weights.h"

namespace heed {

/// Behind a weight's name, that of its scales a row, and of those a column.
inline constexpr const char* kInt8Scale = "_scale";
inline constexpr const char* kInt8Channels = "_channel_scale";

/// By a weight's name what it is made of.
using Int8ScalesByName = std::map<std::string, nn::Int8Scales>;

/// The tensors with these weights (N, K) as whole numbers q of int8, and behind each "NAME_scale" (N, 1) float32 and,
/// where `weights` has channels c (K) for it, "NAME_channel_scale" (1, K): W[i, k] = scale[i] q[i, k] c[k], where
/// scale[i] = max_k |W[i, k] / c[k]| / 127 and q is the nearest. K at most 65536.
NamedTensors to_int8(const NamedTensors& tensors, const std::map<std::string, at::Tensor>& weights);

/// The tensors with these weights rounded to bfloat16.
NamedTensors to_bfloat16(const NamedTensors& tensors, const std::set<std::string>& weights);

/// Makes float32 of both again and takes the scales away. Throws ModelError that names `file` and the
/// tensor: int8 without scales or the other way, other shapes, q = -128, scales that are negative or no numbers.
Int8ScalesByName to_float32(NamedTensors& tensors, const std::string& file);

}  // namespace heed
