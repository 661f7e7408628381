#include "heed/models/sequence_model.h"

#include "nn/linear.h"

namespace heed {

SequenceModel::SequenceModel() : packed_(std::make_shared<nn::PackedWeights>()) {}

void SequenceModel::train(bool on) {
  if (on) packed_->clear();
  Module::train(on);
}

at::Tensor SequenceModel::project(const at::Tensor& hidden) {
  const nn::RowsAlone alone(*packed_);
  return nn::affine(hidden, output_weight(), output_bias());
}

}  // namespace heed
