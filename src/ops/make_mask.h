// The stage of a mask, alternatives and all.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/any_mask.h"
#include "ops/op_definition.h"

namespace heed::ops {

/// Of a context whose mask and blocks are expanded.
template <class T>
std::unique_ptr<kernels::Mask<T>> make_mask(const OpSpec& op, const CallContext& context) {
  auto first = std::get<MakeMask<T>>(definition(op.name).mask)(op, context);
  if (op.alternatives.empty()) return first;
  std::vector<std::unique_ptr<kernels::Mask<T>>> all;
  all.push_back(std::move(first));
  for (const auto& other : op.alternatives) all.push_back(make_mask<T>(other, context));
  return std::make_unique<kernels::AnyMask<T>>(std::move(all));
}

}  // namespace heed::ops
