#include "nn/box_ops.h"

#include <algorithm>
#include <numeric>

namespace heed::nn {
namespace {

at::Tensor areas(const at::Tensor& boxes) {
  const auto sides = boxes.slice(-1, 2, 4) - boxes.slice(-1, 0, 2);
  return sides.select(-1, 0) * sides.select(-1, 1);
}

double overlap_of(const double* a, const double* b) {
  const double width = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const double height = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  if (!(width > 0) || !(height > 0)) return 0;
  const double common = width * height;
  return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common);
}

}  // namespace

at::Tensor generalized_iou(const at::Tensor& a, const at::Tensor& b) {
  constexpr double kLeastArea = 1e-9;  // no division by 0
  const auto low = at::maximum(a.slice(-1, 0, 2), b.slice(-1, 0, 2));
  const auto high = at::minimum(a.slice(-1, 2, 4), b.slice(-1, 2, 4));
  const auto meet = (high - low).clamp_min(0);
  const auto common = meet.select(-1, 0) * meet.select(-1, 1);
  const auto all = areas(a) + areas(b) - common;
  const auto around = (at::maximum(a.slice(-1, 2, 4), b.slice(-1, 2, 4)) -
                       at::minimum(a.slice(-1, 0, 2), b.slice(-1, 0, 2)))
                          .clamp_min(0);
  const auto hull = around.select(-1, 0) * around.select(-1, 1);
  return common / all.clamp_min(kLeastArea) - (hull - all) / hull.clamp_min(kLeastArea);
}

at::Tensor pairwise_generalized_iou(const at::Tensor& a, const at::Tensor& b) {
  const auto N = a.size(0), M = b.size(0);
  return generalized_iou(a.unsqueeze(1).expand({N, M, 4}), b.unsqueeze(0).expand({N, M, 4}));
}

std::vector<int64_t> suppress(const at::Tensor& boxes, const at::Tensor& scores,
                              const at::Tensor& kinds, double overlap, int64_t most) {
  const auto all = boxes.to(at::kDouble).contiguous(), score = scores.to(at::kDouble).contiguous();
  const auto kind = kinds.to(at::kLong).contiguous();
  const auto *at = all.data_ptr<double>(), *of = score.data_ptr<double>();
  const auto* kind_of = kind.data_ptr<int64_t>();
  std::vector<int64_t> order(static_cast<size_t>(all.size(0))), kept;
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return of[a] > of[b]; });
  for (const auto next : order) {
    if (std::ssize(kept) == most) break;
    const bool hidden = std::any_of(kept.begin(), kept.end(), [&](int64_t before) {
      return kind_of[before] == kind_of[next] &&
             overlap_of(at + 4 * before, at + 4 * next) > overlap;
    });
    if (!hidden) kept.push_back(next);
  }
  return kept;
}

}  // namespace heed::nn
