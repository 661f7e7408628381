// Weights of 8 bits in a file of tensors.
#pragma once

#include <map>
#include <set>
#include <string>

#include "heed/formats/safetensors.h"

namespace heed {

/// Behind a weight's name, that of its scales.
inline constexpr const char* kInt8Scale = "_scale";

/// Of each weight that is of 8 bits its scales (N).
using Int8Scales = std::map<std::string, at::Tensor>;

/// The tensors with these weights (N, K) as whole numbers q of int8, and "NAME_scale" (N, 1) float32 behind
/// each: row i is scale[i] q[i], scale = max |row| / 127, to the nearest. K at most 65536.
NamedTensors to_int8(const NamedTensors& tensors, const std::set<std::string>& weights);

/// Makes float32 of such weights again, scale q, and takes the scales away. Throws ModelError that names
/// `file` and the tensor: int8 without scales or the other way, other shapes, q = -128, scales that are
/// negative or no numbers.
Int8Scales from_int8(NamedTensors& tensors, const std::string& file);

}  // namespace heed
