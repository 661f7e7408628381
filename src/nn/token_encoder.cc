#include "heed/nn/token_encoder.h"

namespace heed::nn {

TokenEncoder::TokenEncoder(const torch::nn::AnyModule& any) {
  if (any.is_empty()) return;
  any_ = std::make_shared<torch::nn::AnyModule>(any);
  module_ = any_->ptr();
}

at::Tensor TokenEncoder::forward(const at::Tensor& x, const AttendInputs& inputs) const {
  if (!module_) return x;
  return any_ ? any_->forward(x) : call_(*module_, x, inputs);
}

TokenEncoder TokenEncoder::clone() const {
  if (any_) return TokenEncoder(any_->clone());
  TokenEncoder copy = *this;
  if (module_) copy.module_ = module_->clone();
  return copy;
}

}  // namespace heed::nn
