// What differs between the versions of LibTorch that Heed is built with (1.13 and 2.x).
#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <c10/util/Optional.h>
#include <torch/version.h>

#include <optional>
#include <sstream>
#include <string>
#include <type_traits>

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

/// Under what an optimiser whose `state` is given files a parameter's: its address, up to 2.0
/// written out.
template <class State>
typename State::key_type optimizer_key(const State&, const at::Tensor& parameter) {
  void* const address = parameter.unsafeGetTensorImpl();
  if constexpr (std::is_same_v<typename State::key_type, std::string>) {
    std::ostringstream text;
    text << address;
    return text.str();
  } else {
    return address;
  }
}

/// An allocator of memory that is copied as bytes are.
class TorchAllocator : public c10::Allocator {
 public:
  virtual c10::DataPtr take(size_t bytes) const = 0;

#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return take(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
#else
  c10::DataPtr allocate(size_t bytes) const override { return take(bytes); }
#endif
};

/// Whether autocast of the CPU is on for this thread. 2.4 gave every device one function, and the
/// older names are on their way out.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
inline bool cpu_autocast() { return at::autocast::is_autocast_enabled(at::kCPU); }
inline void set_cpu_autocast(bool on) { at::autocast::set_autocast_enabled(at::kCPU, on); }
#else
inline bool cpu_autocast() { return at::autocast::is_cpu_enabled(); }
inline void set_cpu_autocast(bool on) { at::autocast::set_cpu_enabled(on); }
#endif

}  // namespace heed::ops
