#include "train/average.h"

#include <algorithm>
#include <map>

#include "heed/core/error.h"

namespace heed {
namespace {

std::string hidden_name(const std::string& parameter) { return "weights/" + parameter; }

}  // namespace

WeightAverage::WeightAverage(torch::nn::Module& model, double decay) : decay_(decay) {
  if (!is_on()) return;
  for (const auto& item : model.named_parameters()) {
    const auto& weight = item.value();
    if (!weight.device().is_cpu() || !weight.is_contiguous())
      throw UsageError("train.ema: expected weights that lie in the CPU's memory without gaps, '" +
                       item.key() + "' does not");
    weights_.emplace_back(item.key(), weight.detach());
    average_.push_back(item.value().detach().clone());
  }
}

void WeightAverage::update(int64_t updates) {
  if (!is_on()) return;
  const double n = static_cast<double>(updates);
  const double d = std::min(decay_, (1 + n) / (10 + n));
  std::vector<at::Tensor> weights;
  for (const auto& [name, tensor] : weights_) weights.push_back(tensor);
  at::_foreach_mul_(average_, d);
  at::_foreach_add_(average_, weights, 1 - d);
}

/// Byte by byte: an operator would ask for memory, and back the weights must come even where there is none.
void WeightAverage::exchange() noexcept {
  for (size_t i = 0; i < average_.size(); ++i) {
    auto* average = static_cast<char*>(average_[i].data_ptr());
    auto* weight = static_cast<char*>(weights_[i].second.data_ptr());
    std::swap_ranges(average, average + average_[i].nbytes(), weight);
    // Whoever keeps something made of the weight asks this number whether it is as it was.
    weights_[i].second.unsafeGetTensorImpl()->bump_version();
  }
}

NamedTensors WeightAverage::hidden() const {
  NamedTensors hidden;
  for (size_t i = 0; i < average_.size(); ++i) {
    hidden.emplace_back(hidden_name(weights_[i].first), average_[i]);
  }
  return hidden;
}

void WeightAverage::restore(const NamedTensors& hidden) {
  const std::map<std::string, at::Tensor> tensors(hidden.begin(), hidden.end());
  for (size_t i = 0; i < average_.size(); ++i) {
    auto& [name, weight] = weights_[i];
    const auto found = tensors.find(hidden_name(name));
    if (found == tensors.end() || found->second.sizes() != weight.sizes() ||
        found->second.scalar_type() != weight.scalar_type()) {
      throw ModelError("the checkpoint's " + hidden_name(name) +
                       (found == tensors.end() ? " is missing" : " does not fit its parameter"));
    }
    average_[i].copy_(weight);
    weight.copy_(found->second);
  }
}

}  // namespace heed
