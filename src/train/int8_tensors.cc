#include "train/int8_tensors.h"

#include <cmath>

#include "core/text.h"
#include "heed/core/error.h"
#include "kernels/int8_linear.h"

namespace heed {
namespace {

std::string shape_of(const at::Tensor& t) {
  return text_of(at::toString(t.scalar_type()), " ", t.sizes());
}

/// What one weight stands for.
at::Tensor int8_product(const at::Tensor& q, const at::Tensor& scale, const std::string& name,
                        const std::string& file) {
  const auto refuse = [&](const auto&... pieces) {
    throw ModelError(text_of(file, ": tensor '", name, "'", pieces...));
  };
  if (q.dim() != 2) refuse(": expected int8 as a weight (N, K) with scales, found ", shape_of(q));
  if (scale.scalar_type() != at::kFloat || scale.dim() != 2 || scale.size(0) != q.size(0) ||
      scale.size(1) != 1)
    refuse(kInt8Scale, ": expected float32 (", q.size(0), ", 1), a scale for each row of '", name,
           "', found ", shape_of(scale));
  if (q.numel() > 0 && q.min().item<int64_t>() < -127)
    refuse(": expected whole numbers from -127 to 127, found -128");
  if (!scale.isfinite().logical_and(scale >= 0).all().item<bool>())
    refuse(kInt8Scale, ": expected numbers of at least 0, found others");
  if (q.size(1) > kernels::kMostInt8Depth)
    refuse(": expected rows of at most ", kernels::kMostInt8Depth, " numbers, found ", q.size(1));
  return q.to(at::kFloat).mul_(scale);
}

}  // namespace

NamedTensors to_int8(const NamedTensors& tensors, const std::set<std::string>& weights) {
  NamedTensors all;
  for (const auto& [name, tensor] : tensors) {
    if (!weights.contains(name)) {
      all.emplace_back(name, tensor);
      continue;
    }
    const auto weight = tensor.contiguous();
    auto q = at::empty(weight.sizes(), at::kChar);
    auto scale = at::empty({weight.size(0), 1}, at::kFloat);
    kernels::quantize_int8(weight.data_ptr<float>(), weight.size(0), weight.size(1), weight.size(1),
                           q.data_ptr<int8_t>(), scale.data_ptr<float>());
    all.emplace_back(name, q);
    all.emplace_back(name + kInt8Scale, scale);
  }
  return all;
}

Int8Scales from_int8(NamedTensors& tensors, const std::string& file) {
  std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  Int8Scales scales;
  NamedTensors all;
  for (auto& [name, tensor] : tensors) {
    const bool is_scale = name.ends_with(kInt8Scale);
    const auto weight = by_name.find(is_scale ? name.substr(0, name.size() - 6) : name);
    if (is_scale && weight != by_name.end() && weight->second.scalar_type() == at::kChar) continue;
    if (tensor.scalar_type() != at::kChar) {
      all.emplace_back(name, tensor);
      continue;
    }
    const auto scale = by_name.find(name + kInt8Scale);
    if (scale == by_name.end())
      throw ModelError(text_of(file, ": tensor '", name, "' is of int8: expected '", name,
                               kInt8Scale, "' with a scale for each row, found no such tensor"));
    all.emplace_back(name, int8_product(tensor, scale->second, name, file));
    scales.emplace(name, scale->second.flatten());
  }
  tensors = std::move(all);
  return scales;
}

}  // namespace heed
