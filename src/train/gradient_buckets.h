// Gradients summed over processes while backward still computes others.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <vector>

#include "heed/train/processes.h"

namespace heed {

/// The parameters that learn, from the last to the first, as backward comes to them, in buckets of about kBucketBytes. Once
/// all gradients of a bucket are there it is summed in the background, buckets always in the same order, whichever was
/// ready first (Li et al. 2020, "PyTorch Distributed"). A matrix of kBucketBytes or more has a bucket of its own, of which only the rows
/// are sent that some process has a gradient of, where these are at most half. Costs a copy of the gradient's size; for one process
/// nothing.
class GradientBuckets {
 public:
  static constexpr int64_t kBucketBytes = 2 << 20;

  GradientBuckets(torch::nn::Module& model, Processes& processes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// Before the last backward of a step: earlier ones only add up in this process.
  void arm();
  /// Behind it, also where this process had nothing to compute: every gradient is the sum over all processes. A parameter
  /// that none of them used has no gradient, as in one process. Throws LostPeerError.
  void finish();

 private:
  struct Bucket;
  struct State;
  std::shared_ptr<State> state_;  // hooks of graphs that live longer hold it
};

}  // namespace heed
