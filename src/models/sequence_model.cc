#include "heed/models/sequence_model.h"

#include "nn/linear.h"

namespace heed {

at::Tensor SequenceModel::project(const at::Tensor& hidden) {
  const nn::RowsAlone alone;
  return nn::affine(hidden, output_weight(), output_bias());
}

}  // namespace heed
