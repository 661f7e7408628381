// Log-probabilities of frames as numbers.
#pragma once

#include <torch/types.h>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed::models {

/// log_p (T, V) as float64 in one piece, without history. Throws UsageError for another shape, and a blank that is none of V.
inline at::Tensor ctc_numbers(const at::Tensor& log_p, int64_t blank) {
  if (log_p.dim() != 2 || blank < 0 || blank >= log_p.size(1))
    throw UsageError(
        text_of("ctc: expected log-probabilities (T, V) and a blank of 0 to V - 1, given ",
                log_p.dim(), " dimensions and the blank ", blank));
  return log_p.detach().to(at::kCPU, at::kDouble).contiguous();
}

}  // namespace heed::models
