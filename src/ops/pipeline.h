// From the words of an attention to the stages of the kernels: first operands, which are tensors in
// the dtype of the computation and made by differentiable operations, then stages over their
// memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "kernels/attend.h"
#include "ops/call_context.h"

namespace heed::ops {

/// A tensor that stages read beside q, k and v, and the memory for its gradient: of the same
/// shape, zero at first; undefined: not wanted.
struct Operand {
  std::string name;
  at::Tensor value, grad = {};
};

struct Operands {
  CallContext context;  ///< mask, bias and blocks as given, not expanded
  at::Tensor q, k, v;
  std::vector<Operand> extra;

  /// Of what is here: a block of the call, or all of it.
  kernels::Sizes sizes() const {
    auto here = context.sizes;
    here.Lq = q.size(2), here.Lk = k.size(2);
    return here;
  }
  void add(std::string name, at::Tensor value) {
    extra.push_back({std::move(name), std::move(value)});
  }
  const Operand* find(const std::string& name) const {
    for (const auto& operand : extra)
      if (operand.name == name) return &operand;
    return nullptr;
  }
};

/// The stages of a call, and the problem that points to them.
template <class T>
struct Pipeline {
  std::vector<std::unique_ptr<kernels::Modifier<T>>> modifiers;
  std::vector<std::unique_ptr<kernels::Mask<T>>> masks;
  kernels::Problem<T> problem;
  kernels::Gradients<T> gradients;

  void add(std::unique_ptr<kernels::Modifier<T>> modifier) {
    problem.modifiers.push_back(modifier.get());
    modifiers.push_back(std::move(modifier));
  }
  void add(std::unique_ptr<kernels::Mask<T>> mask) {
    problem.masks.push_back(mask.get());
    masks.push_back(std::move(mask));
  }
};

}  // namespace heed::ops
