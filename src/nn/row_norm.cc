#include "heed/nn/row_norm.h"

#include <cmath>

#include "core/text.h"
#include "heed/ops/rms_norm.h"
#include "kernels/layer_norm.h"
#include "nn/linear.h"
#include "ops/call.h"

namespace heed::nn {
namespace {

/// By the kernel, as RowsAlone says.
at::Tensor layer_norm_alone(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                            double eps) {
  const auto from = x.contiguous();
  auto y = torch::empty(x.sizes(), x.options());
  const auto run = [&](auto type) {
    using T = decltype(type);
    const auto numbers = [](const at::Tensor& t) {
      return t.defined() ? t.data_ptr<T>() : nullptr;
    };
    const int64_t n = x.size(-1);
    kernels::layer_norm(kernels::LayerNorm<T>{n == 0 ? 0 : x.numel() / n, n, from.data_ptr<T>(),
                                              numbers(scale), numbers(shift), static_cast<T>(eps),
                                              y.data_ptr<T>()});
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return y;
}

}  // namespace

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
  if (rows_alone(x) && weight.scalar_type() == x.scalar_type())
    return layer_norm_alone(x, weight, bias, options.eps());
  return torch::layer_norm(x, {M}, weight, bias, options.eps());
}

}  // namespace heed::nn
