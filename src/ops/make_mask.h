// The station of a mask, alternatives and all.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/any_mask.h"
#include "ops/word.h"

namespace heed::ops {

/// Of a scene whose mask and blocks are expanded.
template <class T>
std::unique_ptr<kernels::Mask<T>> make_mask(const Part& part, const Scene& scene) {
  auto first = std::get<MakeMask<T>>(definition(part.name).mask)(part, scene);
  if (part.alternatives.empty()) return first;
  std::vector<std::unique_ptr<kernels::Mask<T>>> all;
  all.push_back(std::move(first));
  for (const auto& other : part.alternatives) all.push_back(make_mask<T>(other, scene));
  return std::make_unique<kernels::AnyMask<T>>(std::move(all));
}

}  // namespace heed::ops
