#include "heed/nn/row_norm.h"

#include <cmath>

#include "core/text.h"
#include "heed/ops/rms_norm.h"
#include "ops/call.h"
#include "ops/layer_norm.h"

namespace heed::nn {

RowNormImpl::RowNormImpl(const RowNormOptions& options) : options(options) { reset(); }

void RowNormImpl::pretty_print(std::ostream& stream) const {
  stream << (options.type() == NormType::rms ? "RMSNorm" : "LayerNorm");
}

void RowNormImpl::reset() {
  const int64_t M = options.width();
  if (M < 1) throw ModelError(text_of("norm: width: expected at least 1, given ", M));
  if (!(options.eps() >= 0) || !std::isfinite(options.eps()))
    throw ModelError(text_of("norm: eps: expected at least 0, given ", options.eps()));
  weight = register_parameter("weight", torch::ones({M}));
  if (options.bias() && options.type() == NormType::layer)
    bias = register_parameter("bias", torch::zeros({M}));
}

at::Tensor RowNormImpl::forward(const at::Tensor& given) {
  const auto x = ops::in_dtype_of(weight, given);
  const int64_t M = options.width();
  if (!x.defined() || x.dim() < 1 || x.size(-1) != M)
    throw UsageError(text_of("norm: x: expected shape (..., ", M, "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  if (options.type() == NormType::rms) return rms_norm(x, weight, options.eps());
  if (ops::layer_norm_can(x, weight)) return ops::layer_norm(x, weight, bias, options.eps());
  return torch::layer_norm(x, {M}, weight, bias, options.eps());
}

}  // namespace heed::nn
