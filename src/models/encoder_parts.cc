#include "models/encoder_parts.h"

#include <cmath>

#include "nn/not_initialized.h"

namespace heed::models {

at::Tensor embedding_table(torch::nn::Module& owner, const std::string& name, int64_t rows,
                           int64_t width) {
  auto table = owner.register_parameter(name, torch::empty({rows, width}));
  if (nn::NotInitialized::active()) return table;
  const torch::NoGradGuard no_gradient;
  return table.normal_(0, 1 / std::sqrt(static_cast<double>(width)));
}

nn::AdditivePosition additive_position(torch::nn::Module& owner, const std::string& name,
                                       const OpSpec& position, int64_t width, int64_t length) {
  if (!nn::is_additive(position)) return nn::AdditivePosition{nullptr};
  return owner.register_module(
      name,
      nn::AdditivePosition(nn::AdditivePositionOptions(width).position(position).length(length)));
}

at::Tensor embed(const at::Tensor& ids, const at::Tensor& table, bool scale) {
  const auto x = torch::embedding(table, ids);  // (B, L, M)
  return scale ? x * std::sqrt(static_cast<double>(table.size(1))) : x;
}

AttendInputs told_lengths(const at::Tensor& lengths) {
  AttendInputs inputs;
  if (lengths.defined()) inputs.key_lengths = lengths;
  return inputs;
}

}  // namespace heed::models
