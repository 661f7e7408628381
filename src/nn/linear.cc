#include "nn/linear.h"

#include <torch/nn/init.h>

#include "heed/nn/lora.h"
#include "nn/activation.h"
#include "nn/int8_weights.h"
#include "nn/not_initialized.h"
#include "nn/small_products.h"
#include "ops/call.h"
#include "ops/packed_product.h"
#include "ops/row_linear.h"
#include "ops/torch_version.h"

namespace heed::nn {
namespace {

thread_local PackedWeights* kept_weights = nullptr;  // not null: rows are alone

/// y (..., rows), what a layer's rows from `first` on made of x, with the adapters of these rows.
at::Tensor with_adapters(const torch::nn::Linear& linear, const at::Tensor& x, at::Tensor y,
                         int64_t first) {
  for (const auto& child : linear->children()) {
    auto* lora = child->as<LoraImpl>();
    if (!lora || lora->first < first || lora->first >= first + y.size(-1)) continue;
    const auto more = lora->forward(x);  // (..., rows of the adapter)
    if (lora->rows == y.size(-1))
      y = y + more;
    else
      y.narrow(-1, lora->first - first, lora->rows).add_(more);
  }
  return y;
}

/// Of a weight that is `scales` times whole numbers, but for the rounding of these products.
PackedWeight packed_int8(const at::Tensor& weight, const Int8Scales& scales, PackedMemory& memory) {
  const torch::NoGradGuard no_gradient;
  auto divisors = at::where(scales.rows == 0, at::ones_like(scales.rows), scales.rows).unsqueeze(1);
  if (scales.channels.defined()) divisors = divisors * scales.channels;
  return PackedWeight::int8((weight.detach() / divisors).round_().to(at::kChar), scales.rows,
                            scales.channels, memory);
}

/// The version of what an operator may change; rows of a weight have the weight's.
uint32_t version_of_weight(const at::Tensor& weight) {
  return weight.is_inference() ? 0 : static_cast<uint32_t>(weight._version());
}

}  // namespace

void truncated_normal(at::Tensor tensor, double deviation) {
  if (NotInitialized::active()) return;
  torch::NoGradGuard no_gradient;
  // By the inverse of the distribution function: x = sqrt(2) erfinv(u), u uniform within +-erf(c).
  const double cut = 2, end = std::erf(cut / std::sqrt(2.0));
  tensor.uniform_(-end, end).erfinv_().mul_(std::sqrt(2.0) * deviation);
  tensor.clamp_(-cut * deviation, cut * deviation);
}

void xavier_rows(const at::Tensor& weight, int64_t first, int64_t rows) {
  if (NotInitialized::active()) return;
  torch::NoGradGuard no_gradient;
  torch::nn::init::xavier_uniform_(weight.narrow(0, first, rows));
}

torch::nn::Linear xavier_linear(int64_t in, int64_t out, bool bias) {
  auto linear = unfilled_linear(in, out, bias);
  if (NotInitialized::active()) return linear;
  torch::nn::init::xavier_uniform_(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

torch::nn::Linear small_linear(int64_t in, int64_t out, bool bias) {
  auto linear = unfilled_linear(in, out, bias);
  if (NotInitialized::active()) return linear;
  truncated_normal(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

bool rows_alone(const at::Tensor& x) {
  return RowsAlone::active() && x.is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
}

at::Tensor affine(const torch::nn::Linear& linear, const at::Tensor& x) {
  return with_adapters(linear, x, affine(x, linear->weight, linear->bias), 0);
}

at::Tensor affine_rows(const torch::nn::Linear& linear, const at::Tensor& x, int64_t first,
                       int64_t rows) {
  const auto& bias = linear->bias;
  const auto y = affine(x, linear->weight.narrow(0, first, rows),
                        bias.defined() ? bias.narrow(0, first, rows) : bias);
  return with_adapters(linear, x, y, first);
}

at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  SmallProducts::next(static_cast<double>(x.numel()) * static_cast<double>(weight.size(0)));
  if (rows_alone(x)) {
    InputSamples::take(weight, x);
    return row_linear(x, kept_weights->of(weight), bias);
  }
  return ops::linear(x, weight, bias);
}

at::Tensor affine_then(kernels::Function function, const torch::nn::Linear& linear,
                       const at::Tensor& x) {
  if (!linear->children().empty()) return apply(function, affine(linear, x));  // with adapters
  InputSamples::take(linear->weight, x);
  return ops::row_linear_then(function, x, kept_weights->of(linear->weight), linear->bias);
}

void affine_to(const torch::nn::Linear& linear, int64_t first, int64_t rows, int64_t m,
               const float* x, kernels::Function function, float* y) {
  const auto* bias = linear->bias.defined() ? linear->bias.data_ptr<float>() + first : nullptr;
  ops::row_linear_to(function, m, x, kept_weights->of(linear->weight, first, rows), bias, y);
}

const PackedWeight* PackedWeights::find(const void* data, int64_t rows, const at::Tensor& weight) {
  const auto found = kept_.find({data, rows});
  if (found == kept_.end() || found->second.version != version_of_weight(weight) ||
      found->second.weight.strides() != weight.strides())
    return nullptr;
  return &found->second.packed;
}

const PackedWeight& PackedWeights::of(const at::Tensor& weight, int64_t first, int64_t rows) {
  {
    const auto apart = static_cast<size_t>(first * weight.stride(0)) * weight.element_size();
    const std::lock_guard lock(mutex_);
    if (const auto* packed =
            find(static_cast<const std::byte*>(weight.data_ptr()) + apart, rows, weight))
      return *packed;
  }
  return of(weight.narrow(0, first, rows));
}

const PackedWeight& PackedWeights::of(const at::Tensor& weight) {
  const std::lock_guard lock(mutex_);
  if (const auto* packed = find(weight.data_ptr(), weight.size(0), weight)) return *packed;
  const auto scales = int8_scales(weight);
  auto packed =
      scales.rows.defined() ? packed_int8(weight, scales, memory_) : PackedWeight(weight, memory_);
  // Detached: a parameter that is given other memory must not take what is held here along.
  return kept_
      .insert_or_assign({static_cast<const void*>(weight.data_ptr()), weight.size(0)},
                        Kept{weight.detach(), version_of_weight(weight), std::move(packed)})
      .first->second.packed;
}

void PackedWeights::clear() {
  const std::lock_guard lock(mutex_);
  kept_.clear();
  memory_ = {};
}

RowsAlone::RowsAlone() : outer_(kept_weights) {
  if (!outer_) kept_weights = &own_;
}
RowsAlone::RowsAlone(PackedWeights& weights) : outer_(kept_weights) { kept_weights = &weights; }
RowsAlone::~RowsAlone() { kept_weights = outer_; }
bool RowsAlone::active() noexcept { return kept_weights && !torch::GradMode::is_enabled(); }

RowsAlone::Place::Place(PackedWeights& weights) : outer_(kept_weights) {
  if (outer_) kept_weights = &weights;
}
RowsAlone::Place::~Place() { kept_weights = outer_; }

}  // namespace heed::nn
