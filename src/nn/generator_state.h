// Where LibTorch's generator of the CPU is in its sequence.
#pragma once

#include <ATen/core/Tensor.h>

namespace heed::nn {

at::Tensor generator_state();
void set_generator_state(const at::Tensor& state);

}  // namespace heed::nn
