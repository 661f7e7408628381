// The training loop of every task.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "heed/train/options.h"
#include "heed/train/processes.h"
#include "heed/train/task.h"

namespace heed {

class Progress;

struct TrainRun {
  TrainOptions options;
  std::filesystem::path folder;    ///< of the run: see RunFolder
  bool resume = false;             ///< go on from the newest checkpoint of `folder`
  Progress* progress = nullptr;    ///< shows how it goes; null: nothing does
  Processes* processes = nullptr;  ///< that train together; null: this one alone
};

struct TrainResult {
  int64_t epochs = 0, steps = 0;  ///< done
  int stopped_by = 0;             ///< the signal that stopped it; 0: it ended by itself
  int64_t best_epoch = 0;         ///< counted from 1
  std::optional<Metrics> valid;   ///< of the best model
  std::optional<Metrics> test;
  double seconds = 0;       ///< of this process, without reading the data
  int64_t peak_memory = 0;  ///< bytes
};

/// What training takes beside the weights: gradients, the optimizer's two means and the moving
/// average are each as large. Throws Error(Failure::memory), with both numbers and the keys that
/// make the model large, where that is more than is available.
/// Of several processes with shard_optimizer each has a part of the means.
void check_training_memory(Task& task, const TrainOptions& options, int64_t processes = 1);

/// Whether the rate gets to its top: ModelError, with both numbers, where schedule.warmup takes more
/// steps than all epochs have. Where max_steps says how long the run is, which is short to try
/// something, the same is a note for whoever runs it; "" where there is nothing to say.
std::string check_schedule(const Task& task, const TrainOptions& options);

/// Trains task.model() and writes best/, last-STEP/, log.jsonl and TensorBoard's files into the
/// folder.
///
/// Each step takes `accumulate` batches; gradients are means over all records of a step. A
/// checkpoint holds everything that the rest of the run depends on, so that a run which is stopped
/// anywhere and resumed ends with the same bits as one that was not. SIGINT and SIGTERM stop it
/// after the step at hand, with a checkpoint.
///
/// Several processes take a share each of every batch, and their gradients are summed while backward runs, so a step is that
/// of one process but for the order of additions. The first process alone writes, logs and shows progress; the others
/// need not see the folder. A run may go on with another number of processes, from where it stood in the data. With dropout each
/// process draws by (seed, step, rank).
///
/// A run that goes on may change how it is trained: epochs, max_steps, the learning rate and its
/// schedule, weight_decay, beta1, beta2, eps, clip_grad_norm, early_stop, average_checkpoints, and what
/// it logs and keeps. The log and the progress say what changed. A run that had ended trains further
/// where the recipe asks for more steps. A run that fails before its first checkpoint leaves no
/// folder.
///
/// Throws UsageError where the folder holds a run and `resume` is not set, holds other things and no
/// run, or where fewer steps are asked for than were done; ModelError of check_schedule, where the recipe
/// has changed otherwise since the checkpoint, or the checkpoint does not fit; DivergedError (epoch,
/// step, records) for a loss or gradient that is not finite, after saving the weights as they were
/// before that step; FileError with the old checkpoint whole; ModelError where a process has another recipe, data or build
/// than the first, with what differs; LostPeerError where one is lost, with the old checkpoint whole.
TrainResult train(Task& task, const TrainRun& run);

}  // namespace heed
