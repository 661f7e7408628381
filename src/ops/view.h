// A tensor's memory as the kernels see it.
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

#include "kernels/attend.h"

namespace heed::ops {

/// Of a tensor (B, H, L, D) with elements of T; null where the tensor is undefined.
template <class T>
kernels::View<T> view_of(const at::Tensor& t) {
  if (!t.defined()) return {};
  const auto strides = t.strides();
  return {t.data_ptr<std::remove_const_t<T>>(), strides[0], strides[1], strides[2], strides[3]};
}

}  // namespace heed::ops
