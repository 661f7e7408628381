// Rectangles as tensors (.., 4): x0, y0, x1, y1.
#pragma once

#include <torch/types.h>

#include <vector>

namespace heed::nn {

/// (N, 4) and (N, 4) -> (N): generalized intersection over union, -1 .. 1 (Rezatofighi et al. 2019):
///
///   IoU - (C - U) / C,  U the area of the union, C that of the least box around both
///
/// with gradient; boxes of no area give -1 .. 0.
at::Tensor generalized_iou(const at::Tensor& a, const at::Tensor& b);

/// (N, 4) and (M, 4) -> (N, M): the same of all pairs.
at::Tensor pairwise_generalized_iou(const at::Tensor& a, const at::Tensor& b);

/// boxes (N, 4), scores (N), kinds (N): numbers of the boxes that are kept, from the highest score down, at most `most`: each
/// that overlaps none kept before it of its kind by more than `overlap` (IoU), in float64. Of equal scores the first comes first.
/// Cost O(N log N + N kept).
std::vector<int64_t> suppress(const at::Tensor& boxes, const at::Tensor& scores,
                              const at::Tensor& kinds, double overlap, int64_t most);

}  // namespace heed::nn
