// The tensors that an attention learns beside q, k and v.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/ops/attention.h"

namespace heed {

/// One learned tensor: its first dimension is always the heads.
struct ParameterSpec {
  std::string name;  ///< word and parameter: "relative.table"
  std::vector<int64_t> shape;
  double mean = 0, std = 0;  ///< of the normal distribution that it starts from
};

/// What `how` learns in a call with H heads, G key-value heads and queries and keys of width D and
/// values of width E (0: D), in the order of its words (score, position, modifiers, masks,
/// normalizer). Empty for most. `nn::MultiHeadAttention` registers them; whoever calls `attend`
/// itself hands them over in AttendInputs::parameters.
std::vector<ParameterSpec> parameters_of(const Attention& how, int64_t num_heads,
                                         int64_t num_kv_heads, int64_t width,
                                         int64_t value_width = 0);

}  // namespace heed
