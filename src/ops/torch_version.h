// What differs between the versions of LibTorch that Heed is built with (1.13 and 2.x).
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/C++17.h>
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

/// Under what an optimiser files a parameter's state: 1.x under its address as text, 2.x under the
/// address.
#if TORCH_VERSION_MAJOR >= 2
inline void* optimizer_key(const at::Tensor& parameter) { return parameter.unsafeGetTensorImpl(); }
#else
inline std::string optimizer_key(const at::Tensor& parameter) {
  return c10::guts::to_string(parameter.unsafeGetTensorImpl());
}
#endif

}  // namespace heed::ops
