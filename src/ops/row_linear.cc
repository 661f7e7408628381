#include "heed/ops/row_linear.h"

#include <sstream>

#include "heed/core/error.h"
#include "kernels/row_linear.h"

namespace heed {
namespace {

void check_tensor(const at::Tensor& t, const char* name, const char* shape, bool fits) {
  if (fits && t.is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble))
    return;
  std::ostringstream message;
  message << "row_linear: " << name << ": expected shape " << shape
          << " of float32 or float64 on the CPU, given ";
  if (t.defined())
    message << t.sizes() << " of " << t.dtype() << " on " << t.device();
  else
    message << "no tensor";
  throw UsageError(message.str());
}

void check(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  check_tensor(weight, "weight", "(N, K)", weight.defined() && weight.dim() == 2);
  const auto type = weight.scalar_type();
  check_tensor(
      x, "x", "(..., K) as weight (N, K)",
      x.defined() && x.dim() >= 1 && x.size(-1) == weight.size(1) && x.scalar_type() == type);
  if (!bias.defined()) return;
  check_tensor(bias, "bias", "(N) as weight (N, K)",
               bias.dim() == 1 && bias.size(0) == weight.size(0) && bias.scalar_type() == type);
}

}  // namespace

at::Tensor row_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  check(x, weight, bias);
  const torch::NoGradGuard no_gradient;
  const int64_t N = weight.size(0), K = weight.size(1);
  auto shape = x.sizes().vec();
  shape.back() = N;
  auto y = at::empty(shape, x.options().requires_grad(false));
  const auto rows = x.contiguous(), w = weight.contiguous();
  const auto b = bias.defined() ? bias.contiguous() : bias;
  const int64_t m = N == 0 ? 0 : y.numel() / N;
  const auto run = [&](auto type) {
    using T = decltype(type);
    kernels::row_linear(kernels::RowLinear<T>{m, N, K, rows.data_ptr<T>(), K, w.data_ptr<T>(),
                                              b.defined() ? b.data_ptr<T>() : nullptr,
                                              y.data_ptr<T>()});
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return y;
}

}  // namespace heed
