#include "lens/explain/shuffled.h"

namespace heed::lens {

Shuffled::Shuffled(torch::nn::Module& model, uint64_t seed) {
  const at::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(seed);
  for (auto& parameter : model.parameters()) {
    // A tensor of its own: numbers may lie in a file's memory.
    const auto order = at::randperm(parameter.numel(), generator, at::kLong);
    const auto other = parameter.detach().flatten().index_select(0, order).view_as(parameter);
    kept_.emplace_back(parameter, parameter.tensor_data());
    parameter.set_data(other);
  }
}

Shuffled::~Shuffled() {
  for (auto& [parameter, numbers] : kept_) parameter.set_data(numbers);
}

}  // namespace heed::lens
