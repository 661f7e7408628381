#include "heed/models/sequence_model.h"

namespace heed {

at::Tensor SequenceModel::project(const at::Tensor& hidden) {
  return torch::linear(hidden, output_weight(), output_bias());
}

}  // namespace heed
