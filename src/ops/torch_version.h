// What differs between the versions of LibTorch that Heed is built with (1.13 and 2.x).
#pragma once

#include <c10/util/Optional.h>
#include <torch/version.h>

#include <optional>

namespace heed::ops {

/// Whether at::scaled_dot_product_attention is there and public.
#if TORCH_VERSION_MAJOR >= 2
#define HEED_TORCH_HAS_SDPA 1
#else
#define HEED_TORCH_HAS_SDPA 0
#endif

/// What operator schemas and autograd functions take: c10's own type, which became std::optional
/// in 2.x.
template <class T>
using TorchOptional = c10::optional<T>;

template <class T>
std::optional<T> to_std(const TorchOptional<T>& value) {
  return value.has_value() ? std::optional<T>(*value) : std::nullopt;
}

}  // namespace heed::ops
