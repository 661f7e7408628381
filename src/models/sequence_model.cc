#include "heed/models/sequence_model.h"

#include "nn/activation.h"
#include "nn/linear.h"

namespace heed {

SequenceModel::SequenceModel() : packed_(std::make_shared<nn::PackedWeights>()) {}

void SequenceModel::train(bool on) {
  if (on) packed_->clear();
  Module::train(on);
}

at::Tensor SequenceModel::project(const at::Tensor& hidden) {
  const nn::RowsAlone alone(*packed_);
  return project(hidden, output_weight(), output_bias());
}

at::Tensor SequenceModel::project(const at::Tensor& hidden, const at::Tensor& weight,
                                  const at::Tensor& bias) {
  const auto logits = nn::affine(hidden, weight, bias);
  const double cap = output_softcap();
  return cap > 0 ? cap * nn::tanh_of(logits / cap) : logits;
}

}  // namespace heed
