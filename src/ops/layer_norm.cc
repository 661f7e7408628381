#include "ops/layer_norm.h"

#include <torch/autograd.h>

#include "kernels/layer_norm.h"
#include "ops/recorded.h"
#include "ops/torch_version.h"

namespace heed::ops {
namespace {

template <class F>
void with_norm_type(const at::Tensor& t, const F& f) {
  t.scalar_type() == at::kDouble ? f(double()) : f(float());
}

template <class T>
T* numbers_or_null(const at::Tensor& t) {
  return t.defined() ? t.data_ptr<T>() : nullptr;
}

/// All contiguous; `y`: undefined where it is not asked for.
template <class T>
kernels::LayerNorm<T> norm_problem(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias, double eps, const at::Tensor& y) {
  const int64_t n = x.size(-1);
  return {n == 0 ? 0 : x.numel() / n,
          n,
          x.data_ptr<T>(),
          numbers_or_null<T>(weight),
          numbers_or_null<T>(bias),
          static_cast<T>(eps),
          numbers_or_null<T>(y)};
}

at::Tensor contiguous_or_none(const at::Tensor& t) { return t.defined() ? t.contiguous() : t; }

at::Tensor empty_for(const at::Tensor& t) {
  return at::empty(t.sizes(), t.options().requires_grad(false));
}

at::Tensor norm_by_kernel(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                          double eps) {
  const auto from = x.contiguous(), scale = contiguous_or_none(weight),
             shift = contiguous_or_none(bias);
  auto y = empty_for(x);
  with_norm_type(x, [&](auto type) {
    kernels::layer_norm(norm_problem<decltype(type)>(from, scale, shift, eps, y));
  });
  return y;
}

using torch::autograd::variable_list;

variable_list norm_gradients(const at::Tensor& g, const at::Tensor& x, const at::Tensor& weight,
                             double eps, bool of_x, bool of_weight, bool of_bias) {
  const auto given = g.contiguous(), from = x.contiguous(), scale = weight.contiguous();
  const auto made = [](bool asked, const at::Tensor& like) {
    return asked ? empty_for(like) : at::Tensor();
  };
  variable_list found = {made(of_x, x), made(of_weight, weight), made(of_bias, weight),
                         at::Tensor()};
  with_norm_type(x, [&](auto type) {
    using T = decltype(type);
    kernels::layer_norm_backward(kernels::LayerNormGradient<T>{
        norm_problem<T>(from, scale, {}, eps, {}), given.data_ptr<T>(),
        numbers_or_null<T>(found[0]), numbers_or_null<T>(found[1]), numbers_or_null<T>(found[2])});
  });
  return found;
}

class LayerNormFunction : public torch::autograd::Function<LayerNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& weight, const TorchOptional<at::Tensor>& bias,
                            double eps) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["eps"] = eps, ctx->saved_data["has_bias"] = bias.has_value();
    return norm_by_kernel(x, weight, bias.value_or(at::Tensor()), eps);
  }
  static variable_list backward(torch::autograd::AutogradContext* ctx, const variable_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &g = grad[0];
    const double eps = ctx->saved_data["eps"].toDouble();
    // A bias that is not there has no place among the inputs.
    const bool of_bias = ctx->saved_data["has_bias"].toBool() && ctx->needs_input_grad(2);
    if (!torch::GradMode::is_enabled())
      return norm_gradients(g, x, weight, eps, ctx->needs_input_grad(0), ctx->needs_input_grad(1),
                            of_bias);
    const auto centred = x - x.mean(-1, /*keepdim=*/true), h = g * weight;
    const auto inverse = (centred.square().mean(-1, true) + eps).rsqrt(), z = centred * inverse;
    const auto summed = [&](const at::Tensor& t) { return t.reshape({-1, weight.size(0)}).sum(0); };
    return {(h - h.mean(-1, true) - z * (h * z).mean(-1, true)) * inverse, summed(g * z),
            of_bias ? summed(g) : at::Tensor(), at::Tensor()};
  }
};

}  // namespace

bool layer_norm_can(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.layout() == at::kStrided && x.scalar_type() == weight.scalar_type() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps) {
  return recorded("heed::layer_norm", {x, weight, bias}, [&]() -> at::Tensor {
    if (!torch::GradMode::is_enabled()) return norm_by_kernel(x, weight, bias, eps);
    const auto shift =
        bias.defined() ? TorchOptional<at::Tensor>(bias) : TorchOptional<at::Tensor>();
    return LayerNormFunction::apply(x, weight, shift, eps);
  });
}

}  // namespace heed::ops
