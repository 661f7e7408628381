// torch.ops.heed.linear_attend: the operator as Python and other users of LibTorch's dispatcher
// find it.
#include <torch/library.h>

#include "core/text.h"
#include "heed/ops/linear_attention.h"
#include "ops/torch_version.h"

namespace heed {
namespace {

using MaybeTensor = ops::TorchOptional<at::Tensor>;

std::tuple<at::Tensor, at::Tensor> linear_attend_words(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::string& rule,
    const MaybeTensor& log_decay, const MaybeTensor& beta, const MaybeTensor& state,
    const std::string& feature, int64_t features, int64_t seed, bool normalize, bool causal,
    ops::TorchOptional<double> scale) {
  LinearAttention how;
  how.rule = to_enum<LinearRule>("linear attention: rule", rule);
  how.feature = to_enum<LinearFeature>("linear attention: feature", feature),
  how.features = features;
  how.seed = static_cast<uint64_t>(seed);
  how.normalize = normalize, how.causal = causal;
  how.scale = ops::to_std(scale);
  LinearInputs inputs{ops::to_std(log_decay), ops::to_std(beta), ops::to_std(state)};
  auto result = linear_attend(q, k, v, how, inputs);
  return {result.out, result.state};
}

}  // namespace
}  // namespace heed

// One implementation for every device: it dispatches and joins autograd itself.
TORCH_LIBRARY_FRAGMENT(heed, library) {
  library.def(
      "linear_attend(Tensor q, Tensor k, Tensor v, str rule=\"linear\", *, "
      "Tensor? log_decay=None, Tensor? beta=None, Tensor? state=None, str feature=\"none\", "
      "int features=0, int seed=0, bool normalize=False, bool causal=True, float? scale=None) "
      "-> (Tensor out, Tensor state)",
      heed::linear_attend_words);
}
