// What `heed_bench train` measures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heed/train/options.h"
#include "heed/train/task.h"

namespace heed::cli {

struct TrainBench {
  std::vector<int> threads{1, 2};
  double seconds = 10;  ///< of measured steps, at least; ten steps in any case
};

/// Where the time of a training step goes. Parts are parted: what a loss multiplies is the loss's.
struct TrainRow {
  int threads = 0;
  int64_t steps = 0;
  double ms = 0;      ///< of a step, the median
  double spread = 0;  ///< half the distance between the quartiles, as a part of the median
  double units_per_second = 0;  ///< tokens or examples
  /// "attention", 0.21: shares of the time; what is left over is "other".
  std::vector<std::pair<std::string, double>> shares;
  /// Processor time of threads that read and change examples ahead, as a part of that of the steps; known with one thread.
  std::optional<double> workers;
  double gflops = 0;  ///< of all matrix products of a step, over the whole step's time
  double limit = 0;   ///< gflops of SGEMM, 1024 x 1024 matrices
  double of_limit = 0;
  std::optional<double>
      waiting;  ///< of several processes: part of the time that this one waited for the others
  int64_t peak_memory_mib = 0;
  std::vector<std::vector<std::pair<std::string, int64_t>>> batches;  ///< sizes of each step's
};

/// A step of translation without data: 128 pairs of 16 random tokens, V = 8000, a Transformer of
/// the preset small.
std::unique_ptr<Task> synthetic_task();

/// Trains the task for a while and throws the result away: batches, loss, gradients and optimiser
/// as in `heed train`. SGEMM is measured before and after. Time is taken by LibTorch's record of
/// operators, which costs some percent itself. Several processes sum their gradients, and the first one's row is told; the
/// task shares with them (Task::share_with).
TrainRow bench_train(Task& task, const TrainOptions& options, int threads, double seconds,
                     Processes& processes);

}  // namespace heed::cli
