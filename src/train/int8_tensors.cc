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

/// Reads weights of 8 bits of one file.
class Int8Reader {
 public:
  Int8Reader(const NamedTensors& tensors, const std::string& file)
      : file_(file), by_name_(tensors.begin(), tensors.end()) {}

  /// Whether these are the scales of such a weight.
  bool is_scale(const std::string& name) const {
    for (const std::string end : {kInt8Channels, kInt8Scale}) {
      if (!name.ends_with(end)) continue;
      const auto weight = by_name_.find(name.substr(0, name.size() - end.size()));
      if (weight != by_name_.end() && weight->second.scalar_type() == at::kChar) return true;
    }
    return false;
  }

  nn::Int8Scales scales_of(const std::string& name, const at::Tensor& q) const {
    if (q.dim() != 2)
      refuse(name, ": expected int8 as a weight (N, K) with scales, found ", shape_of(q));
    if (q.numel() > 0 && q.min().item<int64_t>() < -127)
      refuse(name, ": expected whole numbers from -127 to 127, found -128");
    if (q.size(1) > kernels::kMostInt8Depth)
      refuse(name, ": expected rows of at most ", kernels::kMostInt8Depth, " numbers, found ",
             q.size(1));
    nn::Int8Scales scales;
    if (!by_name_.contains(name + kInt8Scale))
      refuse(name, " is of int8: expected '", name, kInt8Scale,
             "' with a scale for each row, found no such tensor");
    scales.rows = numbers(name + kInt8Scale, {q.size(0), 1});
    if (by_name_.contains(name + kInt8Channels))
      scales.channels = numbers(name + kInt8Channels, {1, q.size(1)});
    return scales;
  }

 private:
  template <class... Pieces>
  [[noreturn]] void refuse(const std::string& name, const Pieces&... pieces) const {
    throw ModelError(text_of(file_, ": tensor '", name, "'", pieces...));
  }

  /// Scales of at least 0, of columns of more.
  at::Tensor numbers(const std::string& name, at::IntArrayRef shape) const {
    const auto& given = by_name_.at(name);
    if (given.scalar_type() != at::kFloat || given.sizes() != shape)
      refuse(name, ": expected Float ", shape, ", scales of a weight of 8 bits, found ",
             shape_of(given));
    const bool columns = shape[0] == 1;
    const auto good = columns ? given > 0 : given >= 0;
    if (!given.isfinite().logical_and(good).all().item<bool>())
      refuse(name, ": expected numbers ", columns ? "above" : "of at least", " 0, found others");
    return given.flatten();
  }

  const std::string& file_;
  std::map<std::string, at::Tensor> by_name_;
};

}  // namespace

NamedTensors to_int8(const NamedTensors& tensors,
                     const std::map<std::string, at::Tensor>& weights) {
  NamedTensors all;
  for (const auto& [name, tensor] : tensors) {
    const auto found = weights.find(name);
    if (found == weights.end()) {
      all.emplace_back(name, tensor);
      continue;
    }
    const auto& channels = found->second;
    const auto weight = (channels.defined() ? tensor / channels : tensor).contiguous();
    auto q = at::empty(weight.sizes(), at::kChar);
    auto scale = at::empty({weight.size(0), 1}, at::kFloat);
    kernels::quantize_int8(weight.data_ptr<float>(), weight.size(0), weight.size(1), weight.size(1),
                           q.data_ptr<int8_t>(), scale.data_ptr<float>());
    all.emplace_back(name, q);
    all.emplace_back(name + kInt8Scale, scale);
    if (channels.defined()) all.emplace_back(name + kInt8Channels, channels.reshape({1, -1}));
  }
  return all;
}

NamedTensors to_bfloat16(const NamedTensors& tensors, const std::set<std::string>& weights) {
  auto all = tensors;
  for (auto& [name, tensor] : all)
    if (weights.contains(name)) tensor = tensor.to(at::kBFloat16);
  return all;
}

Int8ScalesByName to_float32(NamedTensors& tensors, const std::string& file) {
  const Int8Reader reader(tensors, file);
  Int8ScalesByName found;
  NamedTensors all;
  for (auto& [name, tensor] : tensors) {
    if (reader.is_scale(name)) continue;
    if (tensor.scalar_type() != at::kChar) {
      all.emplace_back(name,
                       tensor.scalar_type() == at::kBFloat16 ? tensor.to(at::kFloat) : tensor);
      continue;
    }
    const auto scales = reader.scales_of(name, tensor);
    auto weight = tensor.to(at::kFloat).mul_(scales.rows.unsqueeze(1));
    if (scales.channels.defined()) weight.mul_(scales.channels);
    all.emplace_back(name, std::move(weight));
    found.emplace(name, scales);
  }
  tensors = std::move(all);
  return found;
}

}  // namespace heed
