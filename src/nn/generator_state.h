// Where LibTorch's generator of the CPU is in its sequence.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace heed::nn {

at::Tensor generator_state();
void set_generator_state(const at::Tensor& state);

uint64_t generator_seed();  ///< what it was seeded with last
void seed_generator(uint64_t seed);

}  // namespace heed::nn
