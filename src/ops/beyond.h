// Lengths, indices and tokens that are not what they may be.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace heed::ops {

/// A number below 0, or else the largest if it is above `most`, of a tensor of int64.
inline std::optional<int64_t> beyond(const at::Tensor& numbers, int64_t most) {
  const auto here = numbers.to(at::kCPU).contiguous();
  const auto* first = here.data_ptr<int64_t>();
  int64_t low = 0, high = most;
  for (int64_t i = 0; i < here.numel(); ++i)
    low = std::min(low, first[i]), high = std::max(high, first[i]);
  if (low < 0) return low;
  return high > most ? std::optional(high) : std::nullopt;
}

}  // namespace heed::ops
