// Modules whose parameters are loaded as soon as they are made.
#pragma once

#include <torch/nn/modules/linear.h>

namespace heed::nn {

/// While one lives, the layers and tables that this thread makes are left as their memory is, and memory that
/// nobody has written costs nothing: who makes them loads every parameter afterwards. Small ones and those of
/// LibTorch's other modules start as always. Nests.
class NotInitialized {
 public:
  NotInitialized() noexcept : outer_(active_) { active_ = true; }
  ~NotInitialized() { active_ = outer_; }
  NotInitialized(const NotInitialized&) = delete;
  NotInitialized& operator=(const NotInitialized&) = delete;

  static bool active() noexcept { return active_; }

 private:
  static thread_local bool active_;
  bool outer_;
};

/// LibTorch's layer, which fills itself with numbers first; with memory of its own where one lives.
torch::nn::Linear unfilled_linear(int64_t in, int64_t out, bool bias);

}  // namespace heed::nn
