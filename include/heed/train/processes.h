// The processes that train one model: what a training loop asks of the others.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace heed {

class Ring;

/// This process alone: nothing is asked of anybody, and nothing costs anything. Every process calls the same functions in
/// the same order.
class Processes {
 public:
  virtual ~Processes() = default;

  virtual int64_t rank() const { return 0; }
  virtual int64_t count() const { return 1; }
  bool is_first() const {
    return rank() == 0;
  }  ///< who reads and writes the run's folder and shows progress
  bool are_several() const { return count() > 1; }
  /// "rank 1 on node7 (process 4711)".
  virtual std::string name(int64_t rank) const { return "rank " + std::to_string(rank); }

  /// Sums over all processes, in place. The order of additions depends on the number of processes and of values alone.
  virtual void sum(std::span<double> /*values*/) {}
  /// The same of a contiguous tensor, in the background; what is returned waits for its end.
  virtual std::function<void()> start_sum(at::Tensor /*values*/) {
    return [] {};
  }
  /// The first process' bytes, numbers or tensor for all.
  virtual std::string from_first(std::string bytes) { return bytes; }
  virtual void from_first(std::span<double> /*values*/) {}
  virtual void from_first(at::Tensor /*values*/) {}
  /// A contiguous tensor of process `rank` for all, in the background; what is returned waits for its end.
  virtual std::function<void()> start_from(int64_t /*rank*/, at::Tensor /*values*/) {
    return [] {};
  }
  /// What each process has to say, by rank.
  virtual std::vector<std::string> gather(std::string text) { return {std::move(text)}; }

  /// This process' place among `count` of successive ranks, which hold one sequence together; count() is a multiple. Lives as
  /// long as this object. Null: this process alone holds all.
  virtual Ring* ring(int64_t /*count*/) { return nullptr; }

  /// Seconds that calls of the functions above have waited for the others so far.
  virtual double waited() const { return 0; }

  /// `call` is called from another thread where somebody is lost while this process computes for seconds without needing
  /// the others; it may end the process. By default nobody is lost.
  virtual void when_lost(std::function<void(const std::string& why)> /*call*/) {}
  /// Tells the others why this process ends, so that they do not wait for it.
  virtual void tell_failure(const std::string& /*why*/) noexcept {}
};

/// What the launcher's environment says: this process alone, or all of torchrun, Slurm, Open MPI, Kubernetes or `heed launch`,
/// joined through LibTorch's c10d (Gloo) and watched. A process that is killed, stopped or cut off is named within 15 s by
/// a LostPeerError, which any of the functions above may throw.
///
/// Throws UsageError for an environment that contradicts itself, a LibTorch or a build without Gloo, a rank that is there
/// twice; LostPeerError for those that do not come within five minutes.
std::unique_ptr<Processes> join_processes();

}  // namespace heed
