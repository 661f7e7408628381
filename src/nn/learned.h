// What an attention learns, as parameters of the module that attends.
#pragma once

#include <torch/nn/module.h>

#include <map>
#include <string>

#include "heed/ops/parameters.h"

namespace heed::nn {

/// Registers a parameter for each of parameters_of(), with '_' for the '.' in its name, drawn from
/// its normal distribution, and returns them under their own names: AttendInputs::parameters.
/// value_width as of parameters_of().
inline std::map<std::string, at::Tensor> register_learned(torch::nn::Module& module,
                                                          const Attention& how, int64_t num_heads,
                                                          int64_t num_kv_heads, int64_t width,
                                                          int64_t value_width = 0) {
  std::map<std::string, at::Tensor> all;
  for (const auto& spec : parameters_of(how, num_heads, num_kv_heads, width, value_width)) {
    auto name = spec.name;
    std::replace(name.begin(), name.end(), '.', '_');
    const auto start = torch::randn(spec.shape) * spec.std + spec.mean;
    all[spec.name] = module.register_parameter(name, start);
  }
  return all;
}

}  // namespace heed::nn
