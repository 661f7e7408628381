#include "ops/product.h"

#include <torch/csrc/autograd/custom_function.h>

#include "kernels/blocks.h"
#include "kernels/product.h"

namespace heed::ops {
namespace {

thread_local bool own_products = false;

constexpr int64_t kDepth = 64;  // of a piece of the sum

std::vector<int64_t> batch_of(const at::Tensor& a, const at::Tensor& b) {
  const auto of = [](const at::Tensor& t) { return t.sizes().slice(0, t.dim() - 2); };
  return at::infer_size(of(a), of(b));
}

at::Tensor over_batch(const at::Tensor& t, std::vector<int64_t> batch) {
  batch.push_back(t.size(-2)), batch.push_back(t.size(-1));
  return t.expand(batch);
}

/// Rows that the kernel can read: contiguous, in whole panels.
at::Tensor in_panels(const at::Tensor& b) {
  const int64_t n = b.size(-1), missing = kernels::round_up(n, kernels::kAlign) - n;
  if (missing > 0) return at::constant_pad_nd(b, {0, missing}).contiguous();
  return b.stride(-1) == 1 ? b : b.contiguous();
}

/// Where the matrix of each place in the batch begins.
std::vector<int64_t> offsets(const at::Tensor& t) {
  std::vector<int64_t> all = {0};
  for (int64_t d = 0; d + 2 < t.dim(); ++d) {
    std::vector<int64_t> next;
    for (const int64_t first : all)
      for (int64_t i = 0; i < t.size(d); ++i) next.push_back(first + i * t.stride(d));
    all = std::move(next);
  }
  return all;
}

template <class T>
void multiply(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
  const int64_t m = a.size(-2), depth = a.size(-1), n = c.size(-1);
  const auto of_a = offsets(a), of_b = offsets(b), of_c = offsets(c);
  for (size_t i = 0; i < of_c.size(); ++i) {
    for (int64_t first = 0; first < depth; first += kDepth) {
      const kernels::Left<T> left{a.data_ptr<T>() + of_a[i] + first * a.stride(-1), a.stride(-2),
                                  a.stride(-1)};
      const kernels::Right<T> right{b.data_ptr<T>() + of_b[i] + first * b.stride(-2), b.stride(-2)};
      kernels::add_product(m, n, std::min(kDepth, depth - first), left, right,
                           kernels::Result<T>{c.data_ptr<T>() + of_c[i], n});
    }
  }
}

at::Tensor own_product(const at::Tensor& a, const at::Tensor& b) {
  const auto batch = batch_of(a, b);
  const int64_t m = a.size(-2), n = b.size(-1);
  auto shape = batch;
  shape.push_back(m), shape.push_back(kernels::round_up(n, kernels::kAlign));
  const auto c = at::zeros(shape, a.options().requires_grad(false));
  if (c.numel() == 0 || a.size(-1) == 0) return c.narrow(-1, 0, n).contiguous();
  const auto left = over_batch(a, batch), right = over_batch(in_panels(b), batch);
  a.scalar_type() == at::kDouble ? multiply<double>(left, right, c)
                                 : multiply<float>(left, right, c);
  return c.narrow(-1, 0, n).contiguous();
}

class Product : public torch::autograd::Function<Product> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& a,
                            const at::Tensor& b) {
    ctx->save_for_backward({a, b});
    return own_product(a, b);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &a = saved[0], &b = saved[1];
    const OwnProducts own;
    torch::autograd::variable_list found(2);
    if (ctx->needs_input_grad(0))
      found[0] = product(grads[0], b.transpose(-1, -2)).sum_to_size(a.sizes());
    if (ctx->needs_input_grad(1))
      found[1] = product(a.transpose(-1, -2), grads[0]).sum_to_size(b.sizes());
    return found;
  }
};

}  // namespace

OwnProducts::OwnProducts() noexcept : before_(own_products) { own_products = true; }
OwnProducts::~OwnProducts() { own_products = before_; }

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  if (!own_products || !a.is_cpu()) return at::matmul(a, b);
  if (at::GradMode::is_enabled() && (a.requires_grad() || b.requires_grad()))
    return Product::apply(a, b);
  return own_product(a, b);
}

}  // namespace heed::ops
