// A model without what it learned.
#pragma once

#include <torch/nn/module.h>

#include <vector>

namespace heed::lens {

/// While one lives, the numbers of each parameter of a model stand in a drawn order: as many of each size, in the same
/// shapes. Then they are back where they were.
class Shuffled {
 public:
  Shuffled(torch::nn::Module& model, uint64_t seed);
  ~Shuffled();
  Shuffled(const Shuffled&) = delete;
  Shuffled& operator=(const Shuffled&) = delete;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;  // a parameter, its numbers
};

}  // namespace heed::lens
