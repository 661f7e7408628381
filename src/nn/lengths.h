// Padding: checks, and which tokens are real.
#pragma once

#include <torch/types.h>

#include "core/text.h"

namespace heed::nn {

/// Throws UsageError unless lengths is undefined or (B) int64 of numbers from 0 to L.
inline void check_lengths(const char* who, const at::Tensor& lengths, int64_t B, int64_t L) {
  if (!lengths.defined()) return;
  if (lengths.scalar_type() != at::kLong || lengths.dim() != 1 || lengths.size(0) != B)
    throw UsageError(text_of(who, ": lengths: expected shape (B) = [", B, "] of int64, given ",
                             lengths.sizes(), " of ", lengths.dtype()));
  const auto here = lengths.cpu().contiguous();
  for (int64_t b = 0; b < B; ++b) {
    const int64_t n = here.data_ptr<int64_t>()[b];
    if (n < 0 || n > L)
      throw UsageError(text_of(who, ": lengths[", b, "]: expected 0 to L = ", L, ", given ", n));
  }
}

/// (B, L) boolean: true where a token is real.
inline at::Tensor real_tokens(const at::Tensor& lengths, int64_t L) {
  return at::arange(L, lengths.options()).unsqueeze(0) < lengths.unsqueeze(1);
}

}  // namespace heed::nn
