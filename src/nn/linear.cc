#include "nn/linear.h"

#include <torch/nn/init.h>

#include "heed/core/threads.h"
#include "kernels/layer_norm.h"
#include "ops/call.h"
#include "ops/torch_version.h"

namespace heed::nn {
namespace {

thread_local PackedWeights* kept_weights = nullptr;  // not null: rows are alone

/// Whether rows of x are to be computed each by itself, where that is known how.
bool alone(const at::Tensor& x) {
  return RowsAlone::active() && x.is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

template <class F>
at::Tensor each(const at::Tensor& x, const F& f) {
  constexpr int64_t kPiece = 4096;
  auto result = torch::empty(x.sizes(), x.options());
  const auto from = x.contiguous();
  const int64_t n = x.numel();
  const auto run = [&](auto type) {
    using T = decltype(type);
    const T* in = from.data_ptr<T>();
    T* out = result.data_ptr<T>();
    parallel_for((n + kPiece - 1) / kPiece, [&](int64_t piece) {
      const int64_t end = std::min(n, (piece + 1) * kPiece);
      for (int64_t i = piece * kPiece; i < end; ++i) out[i] = f(in[i]);
    });
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return result;
}

struct ScaleOnly : torch::nn::LayerNormImpl {
  explicit ScaleOnly(const torch::nn::LayerNormOptions& options) : LayerNormImpl(options) {
    parameters_.erase("bias");
    bias = at::Tensor();
  }

  /// That of LayerNormImpl makes one with a bias again, and refuses it.
  std::shared_ptr<Module> clone(const ops::TorchOptional<torch::Device>& device) const override {
    const torch::NoGradGuard no_gradient;
    auto copy = std::make_shared<ScaleOnly>(*this);
    copy->parameters_.clear();
    copy->weight = copy->register_parameter(
        "weight", weight.to(device.value_or(weight.device()), weight.scalar_type(), false, true));
    return copy;
  }
};

}  // namespace

void truncated_normal(at::Tensor tensor, double deviation) {
  torch::NoGradGuard no_gradient;
  // By the inverse of the distribution function: x = sqrt(2) erfinv(u), u uniform within +-erf(c).
  const double cut = 2, end = std::erf(cut / std::sqrt(2.0));
  tensor.uniform_(-end, end).erfinv_().mul_(std::sqrt(2.0) * deviation);
  tensor.clamp_(-cut * deviation, cut * deviation);
}

void xavier_rows(const at::Tensor& weight, int64_t first, int64_t rows) {
  torch::NoGradGuard no_gradient;
  torch::nn::init::xavier_uniform_(weight.narrow(0, first, rows));
}

torch::nn::Linear xavier_linear(int64_t in, int64_t out, bool bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::init::xavier_uniform_(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

torch::nn::Linear small_linear(int64_t in, int64_t out, bool bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in, out).bias(bias));
  truncated_normal(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

at::Tensor affine(const torch::nn::Linear& linear, const at::Tensor& x) {
  return affine(x, linear->weight, linear->bias);
}

at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (alone(x)) return row_linear(x, kept_weights->of(weight), bias);
  return torch::linear(x, weight, bias);
}

const PackedWeight& PackedWeights::of(const at::Tensor& weight) {
  const auto version = weight.is_inference() ? 0 : static_cast<uint32_t>(weight._version());
  const auto key = std::make_pair(static_cast<const void*>(weight.data_ptr()), weight.size(0));
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found != kept_.end() && found->second.version == version &&
      found->second.weight.strides() == weight.strides())
    return found->second.packed;
  // Detached: a parameter that is given other memory must not take what is held here along.
  return kept_.insert_or_assign(key, Kept{weight.detach(), version, PackedWeight(weight)})
      .first->second.packed;
}

void PackedWeights::clear() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
}

RowsAlone::RowsAlone(PackedWeights& weights) : outer_(kept_weights) {
  if (!outer_) kept_weights = &weights;
}
RowsAlone::~RowsAlone() { kept_weights = outer_; }
bool RowsAlone::active() noexcept { return kept_weights && !torch::GradMode::is_enabled(); }

at::Tensor gelu_of(const at::Tensor& x) {
  if (!alone(x)) return torch::gelu(x);
  return each(x, [](auto t) {
    using T = decltype(t);
    return t * T{0.5} * (1 + std::erf(t * static_cast<T>(std::sqrt(0.5))));
  });
}

at::Tensor sigmoid_of(const at::Tensor& x) {
  if (!alone(x)) return torch::sigmoid(x);
  return each(x, [](auto t) { return 1 / (1 + std::exp(-t)); });
}

at::Tensor tanh_of(const at::Tensor& x) {
  if (!alone(x)) return torch::tanh(x);
  return each(x, [](auto t) { return std::tanh(t); });
}

torch::nn::LayerNorm layer_norm(int64_t width, bool bias) {
  const auto options = torch::nn::LayerNormOptions({width});
  if (bias) return torch::nn::LayerNorm(options);
  return torch::nn::LayerNorm(
      std::shared_ptr<torch::nn::LayerNormImpl>(std::make_shared<ScaleOnly>(options)));
}

at::Tensor normalise(torch::nn::LayerNorm& norm, const at::Tensor& given) {
  const auto& scale = norm->weight;
  const auto x = ops::in_dtype_of(scale, given);
  if (!alone(x) || !scale.defined() || scale.dim() != 1 || x.size(-1) != scale.size(0) ||
      scale.scalar_type() != x.scalar_type())
    return norm->forward(x);
  const auto from = x.contiguous();
  auto y = torch::empty(x.sizes(), x.options());
  const auto run = [&](auto type) {
    using T = decltype(type);
    const auto numbers = [](const at::Tensor& t) {
      return t.defined() ? t.data_ptr<T>() : nullptr;
    };
    const int64_t n = x.size(-1);
    kernels::layer_norm(kernels::LayerNorm<T>{
        n == 0 ? 0 : x.numel() / n, n, from.data_ptr<T>(), numbers(scale), numbers(norm->bias),
        static_cast<T>(norm->options.eps()), y.data_ptr<T>()});
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return y;
}

}  // namespace heed::nn
