// Checks that modules of feature maps share.
#pragma once

#include <torch/types.h>

#include "core/text.h"

namespace heed::nn {

/// Throws ModelError unless given >= low.
inline void check_at_least(const char* field, int64_t given, int64_t low) {
  if (given < low) throw ModelError(text_of(field, ": expected at least ", low, ", given ", given));
}

/// Throws UsageError unless x is (B, channels, h, w) with sides of `smallest` or more.
inline void check_image(const char* who, const char* name, const at::Tensor& x, int64_t channels,
                        int64_t smallest = 1) {
  if (!x.defined() || x.dim() != 4 || x.size(1) != channels)
    throw UsageError(text_of(who, ": ", name, ": expected shape (B, ", channels, ", h, w), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  if (x.size(2) < smallest || x.size(3) < smallest)
    throw UsageError(
        text_of(who, ": ", name, ": expected sides of at least ", smallest, ", given ", x.sizes()));
}

}  // namespace heed::nn
