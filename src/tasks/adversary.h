// Who changes pixels against a model.
#pragma once

#include "heed/tasks/input.h"
#include "tasks/cell.h"

namespace heed {

/// An adversary who knows the model and may change every value of a pixel by up to a number of levels, of 255, within black
/// and white. `tensor`: of the batch, its pixels.
class Adversary {
 public:
  static constexpr int kSteps = 10;  ///< of descend

  Adversary(Cell& cell, const NormalizedPixels& pixels, std::string tensor, double levels);

  /// x + e sign(dL/dx) (Goodfellow et al. 2014).
  void step_once(Batch& batch) const;
  /// From a point drawn within e of x, kSteps of e / 4 along the sign, each back to within e of x
  /// (Madry et al. 2017).
  void descend(Batch& batch, uint64_t seed) const;

 private:
  at::Tensor shown(const at::Tensor& x) const { return at::min(at::max(x, black_), white_); }
  at::Tensor gradient(Batch batch, const at::Tensor& x) const;

  Cell& cell_;
  std::string tensor_;
  at::Tensor most_, black_, white_;  // (1, C, 1, 1), normalised
};

}  // namespace heed
