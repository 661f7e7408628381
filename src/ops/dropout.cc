#include "heed/ops/dropout.h"

#include <ATen/record_function.h>

#include <sstream>

#include "heed/core/error.h"
#include "kernels/dropout_array.h"
#include "ops/call.h"
#include "ops/torch_version.h"

namespace heed {
namespace {

template <class F>
void with_type_of(const at::Tensor& x, const F& f) {
  x.scalar_type() == at::kDouble ? f(double()) : f(float());
}

at::Tensor empty_as(const at::Tensor& x) {
  return at::empty(x.sizes(), x.options().requires_grad(false));
}

/// The decisions go to `kept`, as keep_array reads them.
at::Tensor dropped_array(const at::Tensor& x, const at::Tensor& residual, double p, int64_t seed,
                         at::Tensor& kept) {
  const auto from = x.contiguous();
  const auto under = residual.defined() ? residual.contiguous() : residual;
  auto y = empty_as(x);
  kept = at::empty({kernels::kept_bytes(x.numel())}, at::kByte);
  with_type_of(x, [&](auto type) {
    using T = decltype(type);
    kernels::dropout_array(p, static_cast<uint64_t>(seed), from.numel(), from.data_ptr<T>(),
                           under.defined() ? under.data_ptr<T>() : nullptr, y.data_ptr<T>(),
                           kept.data_ptr<uint8_t>());
  });
  return y;
}

at::Tensor kept_of(const at::Tensor& x, double p, const at::Tensor& kept) {
  const auto from = x.contiguous();
  auto y = empty_as(x);
  with_type_of(x, [&](auto type) {
    using T = decltype(type);
    kernels::keep_array(p, from.numel(), kept.data_ptr<uint8_t>(), from.data_ptr<T>(),
                        y.data_ptr<T>());
  });
  return y;
}

class DropoutFunction : public torch::autograd::Function<DropoutFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const ops::TorchOptional<at::Tensor>& residual, double p,
                            int64_t seed) {
    ctx->saved_data["p"] = p, ctx->saved_data["seed"] = seed;
    ctx->saved_data["has_residual"] = residual.has_value();
    at::Tensor kept;
    const auto y = dropped_array(x, residual.value_or(at::Tensor()), p, seed, kept);
    ctx->save_for_backward({kept});
    return y;
  }
  /// Linear in x: its gradient is itself.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grad) {
    const double p = ctx->saved_data["p"].toDouble();
    const auto of_x = torch::GradMode::is_enabled() || grad[0].layout() != at::kStrided
                          ? dropout(grad[0], p, true, {}, ctx->saved_data["seed"].toInt())
                          : kept_of(grad[0], p, ctx->get_saved_variables()[0]);
    return {of_x, ctx->saved_data["has_residual"].toBool() ? grad[0] : at::Tensor(), at::Tensor(),
            at::Tensor()};
  }
};

template <class... Pieces>
[[noreturn]] void refuse_dropout(const Pieces&... pieces) {
  std::ostringstream text;
  text << "dropout: ";
  (text << ... << pieces);
  throw UsageError(text.str());
}

void check_dropout(const at::Tensor& x, double p, const at::Tensor& residual) {
  if (!x.defined()) refuse_dropout("x: expected a tensor, given an undefined one");
  if (!x.is_floating_point()) refuse_dropout("x: expected a floating dtype, given ", x.dtype());
  if (!(p >= 0 && p < 1)) refuse_dropout("p: expected at least 0 and below 1, given ", p);
  if (!residual.defined()) return;
  if (residual.sizes() != x.sizes() || residual.scalar_type() != x.scalar_type())
    refuse_dropout("residual: expected ", x.sizes(), " of ", x.dtype(), ", as x, given ",
                   residual.sizes(), " of ", residual.dtype());
}

}  // namespace

at::Tensor dropout(const at::Tensor& branch, double p, bool training, const at::Tensor& residual,
                   std::optional<int64_t> seed) {
  const auto x = ops::in_dtype_of(residual, branch);
  check_dropout(x, p, residual);
  if (!training || p == 0) return residual.defined() ? residual + x : x;
  RECORD_USER_SCOPE("heed::dropout");
  const bool known = x.is_cpu() && x.layout() == at::kStrided &&
                     (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!known) {
    const auto y = torch::dropout(x, p, true);
    return residual.defined() ? residual + y : y;
  }
  const auto given = residual.defined() ? ops::TorchOptional<at::Tensor>(residual)
                                        : ops::TorchOptional<at::Tensor>();
  return DropoutFunction::apply(x, given, p, seed ? *seed : static_cast<int64_t>(ops::draw_seed()));
}

}  // namespace heed
