#include "ops/packed_product.h"

#include <ATen/record_function.h>
#include <torch/autograd.h>

#include <algorithm>

#include "kernels/cross_entropy.h"
#include "kernels/packed_product.h"
#include "ops/recorded.h"
#include "ops/torch_version.h"

namespace heed::ops {
namespace {

/// Terms of a sum beyond which it is made in stretches that are joined. A gradient of a weight has a term a row: of a million equal
/// ones a single chain of sums of 128 is off by 9e-5 (PyTorch 2.15's product by 8e-3), in stretches by 2e-6.
constexpr int64_t kStretch = 1 << 14;

/// A matrix whose rows or columns lie from end to end.
at::Tensor without_gaps(const at::Tensor& t) {
  return t.stride(0) == 1 || t.stride(1) == 1 ? t : t.contiguous();
}

template <class T>
kernels::Left<T> matrix_of(const at::Tensor& t) {
  return {t.data_ptr<T>(), t.stride(0), t.stride(1)};
}

template <class T>
void multiply_packed(const at::Tensor& a, const at::Tensor& b, const at::Tensor& packed,
                     const at::Tensor& c, bool add, const at::Tensor& bias) {
  kernels::pack_panels(b.size(0), b.size(1), matrix_of<T>(b), packed.data_ptr<T>());
  kernels::packed_product(
      kernels::PackedProduct<T>{.m = c.size(0),
                                .n = c.size(1),
                                .depth = a.size(1),
                                .a = matrix_of<T>(a),
                                .packed = packed.data_ptr<T>(),
                                .c = c.data_ptr<T>(),
                                .stride = c.stride(0),
                                .add = add,
                                .bias = bias.defined() ? bias.data_ptr<T>() : nullptr});
}

/// The sum of the rows of x, by float64.
at::Tensor sum_of_rows(const at::Tensor& x) {
  auto sums = at::zeros({x.size(1)}, at::kDouble);
  if (x.scalar_type() == at::kDouble)
    kernels::add_rows(x.size(0), x.size(1), x.data_ptr<double>(), sums.data_ptr<double>());
  else
    kernels::add_rows(x.size(0), x.size(1), x.data_ptr<float>(), sums.data_ptr<double>());
  return sums.to(x.scalar_type());
}

at::Tensor rows_of(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}).contiguous(); }

at::Tensor affine_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  auto y = at::empty(shape, x.options().requires_grad(false));
  PackedProducts().multiply(rows_of(x), weight.t(), y.view({-1, weight.size(0)}), false,
                            bias.defined() ? bias.contiguous() : bias);
  return y;
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class AffineFunction : public torch::autograd::Function<AffineFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const TorchOptional<at::Tensor>& bias) {
    ctx->save_for_backward(
        {weight.requires_grad() ? x : at::Tensor(), x.requires_grad() ? weight : at::Tensor()});
    ctx->saved_data["has_bias"] = bias.has_value();
    return affine_product(x, weight, bias.value_or(at::Tensor()));
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    // A bias that is not there has no place among the inputs.
    const bool of_bias = ctx->saved_data["has_bias"].toBool() && ctx->needs_input_grad(2);
    const auto g = rows_of(grad[0]);
    variable_list found(3);
    if (torch::GradMode::is_enabled()) {
      if (weight.defined()) found[0] = at::matmul(grad[0], weight);
      if (x.defined()) found[1] = g.t().matmul(x.reshape({-1, x.size(-1)}));
      if (of_bias) found[2] = g.sum(0);
      return found;
    }
    const auto options = g.options().requires_grad(false);
    PackedProducts products;
    if (weight.defined()) {
      auto shape = grad[0].sizes().vec();
      shape.back() = weight.size(1);
      found[0] = at::empty(shape, options);
      products.multiply(g, weight, found[0].view({-1, weight.size(1)}));
    }
    if (x.defined()) {
      found[1] = at::empty({g.size(1), x.size(-1)}, options);
      products.multiply(g.t(), rows_of(x), found[1]);
    }
    if (of_bias) found[2] = sum_of_rows(g);
    return found;
  }
};

bool is_known(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto type = weight.scalar_type();
  const auto fits = [&](const at::Tensor& t) {
    return t.is_cpu() && t.layout() == at::kStrided && t.scalar_type() == type;
  };
  return (type == at::kFloat || type == at::kDouble) && x.dim() >= 2 && weight.dim() == 2 &&
         x.size(-1) == weight.size(1) && weight.size(0) > 0 && weight.size(1) > 0 && fits(x) &&
         fits(weight) && (!bias.defined() || (fits(bias) && bias.dim() == 1)) && !cpu_autocast();
}

}  // namespace

void PackedProducts::multiply(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
                              bool add, const at::Tensor& bias) {
  RECORD_FUNCTION("heed::product", std::vector<c10::IValue>({a, b}));
  const int64_t depth = a.size(1);
  if (depth <= kStretch) return multiply_stretch(a, b, c, add, bias);
  at::Tensor sums;
  for (int64_t k = 0; k < depth; k += kStretch) {
    const int64_t some = std::min(kStretch, depth - k);
    const bool joins = add || k > 0;
    if (joins && !sums.defined()) sums = at::empty(c.sizes(), c.options());
    multiply_stretch(a.narrow(1, k, some), b.narrow(0, k, some), joins ? sums : c, false,
                     k == 0 ? bias : at::Tensor());
    if (joins) c.add_(sums);
  }
}

void PackedProducts::multiply_stretch(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c,
                                      bool add, const at::Tensor& bias) {
  const auto left = without_gaps(a), right = without_gaps(b);
  const int64_t numbers = kernels::packed_numbers(right.size(0), right.size(1));
  if (!packed_.defined() || packed_.numel() < numbers)
    packed_ = at::empty({numbers}, b.options().requires_grad(false));
  b.scalar_type() == at::kDouble ? multiply_packed<double>(left, right, packed_, c, add, bias)
                                 : multiply_packed<float>(left, right, packed_, c, add, bias);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!is_known(x, weight, bias)) return torch::linear(x, weight, bias);
  return recorded("heed::linear", {x, weight, bias}, [&]() -> at::Tensor {
    if (!torch::GradMode::is_enabled()) return affine_product(x, weight, bias);
    return AffineFunction::apply(
        x, weight, bias.defined() ? TorchOptional<at::Tensor>(bias) : TorchOptional<at::Tensor>());
  });
}

}  // namespace heed::ops
