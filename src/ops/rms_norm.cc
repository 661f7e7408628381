#include "heed/ops/rms_norm.h"

#include <ATen/record_function.h>
#include <torch/autograd.h>

#include <sstream>

#include "heed/core/error.h"
#include "kernels/rms_norm.h"
#include "ops/call.h"

namespace heed {
namespace {

template <class T>
kernels::RmsNorm<T> rms_problem(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const int64_t n = weight.size(0);
  return {n == 0 ? 0 : x.numel() / n, n, x.data_ptr<T>(), weight.data_ptr<T>(), eps, nullptr};
}

template <class F>
void with_number_type(const at::Tensor& t, const F& f) {
  t.scalar_type() == at::kDouble ? f(double()) : f(float());
}

at::Tensor rms_by_kernel(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto from = x.contiguous(), scale = weight.contiguous();
  auto y = at::empty(x.sizes(), x.options().requires_grad(false));
  with_number_type(x, [&](auto type) {
    auto problem = rms_problem<decltype(type)>(from, scale, eps);
    problem.y = y.data_ptr<decltype(type)>();
    kernels::rms_norm(problem);
  });
  return y;
}

/// The readable formula, any device and dtype.
at::Tensor rms_by_formula(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto wide = x.to(type);
  const auto z = wide * (wide.square().mean(-1, /*keepdim=*/true) + eps).rsqrt();
  return (z * weight.to(type)).to(x.scalar_type());
}

torch::autograd::variable_list rms_gradients(const at::Tensor& g, const at::Tensor& x,
                                             const at::Tensor& weight, double eps, bool of_x,
                                             bool of_weight) {
  const auto given = g.contiguous(), from = x.contiguous(), scale = weight.contiguous();
  auto dx = of_x ? at::empty(x.sizes(), x.options().requires_grad(false)) : at::Tensor();
  auto dw =
      of_weight ? at::empty(weight.sizes(), weight.options().requires_grad(false)) : at::Tensor();
  with_number_type(x, [&](auto type) {
    using T = decltype(type);
    const auto numbers = [](const at::Tensor& t) {
      return t.defined() ? t.data_ptr<T>() : nullptr;
    };
    kernels::rms_norm_backward(kernels::RmsNormGradient<T>{
        rms_problem<T>(from, scale, eps), given.data_ptr<T>(), numbers(dx), numbers(dw)});
  });
  return {dx, dw, at::Tensor()};
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& weight, double eps) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["eps"] = eps;
    return rms_by_kernel(x, weight, eps);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const double eps = ctx->saved_data["eps"].toDouble();
    if (!torch::GradMode::is_enabled())
      return rms_gradients(grad[0], saved[0], saved[1], eps, ctx->needs_input_grad(0),
                           ctx->needs_input_grad(1));
    const auto z = rms_by_formula(saved[0], at::ones_like(saved[1]), eps), h = grad[0] * saved[1];
    const auto inverse = (saved[0].square().mean(-1, true) + eps).rsqrt();
    return {(h - z * (h * z).mean(-1, true)) * inverse,
            (grad[0] * z).reshape({-1, saved[1].size(0)}).sum(0), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& given, const at::Tensor& weight, double eps) {
  const auto x = weight.defined() && given.defined() ? ops::in_dtype_of(weight, given) : given;
  if (!x.defined() || !weight.defined() || weight.dim() != 1 || x.dim() < 1 ||
      x.size(-1) != weight.size(0) || x.scalar_type() != weight.scalar_type() ||
      !x.is_floating_point() || !(eps >= 0)) {
    std::ostringstream text;
    text << "rms_norm: expected x (..., n), weight (n) of its floating dtype and eps of at least "
            "0, given ";
    if (x.defined() && weight.defined())
      text << x.sizes() << " of " << x.dtype() << ", " << weight.sizes() << " of " << weight.dtype()
           << " and " << eps;
    else
      text << "no tensor";
    throw UsageError(text.str());
  }
  const bool known = x.is_cpu() && x.layout() == at::kStrided &&
                     (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!known) return rms_by_formula(x, weight, eps);
  RECORD_USER_SCOPE("heed::rms_norm");
  if (!torch::GradMode::is_enabled()) return rms_by_kernel(x, weight, eps);
  return RmsNormFunction::apply(x, weight, eps);
}

}  // namespace heed
