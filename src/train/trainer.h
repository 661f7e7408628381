// One training run: the loop, its metrics and its checkpoints.
#pragma once

#include <chrono>
#include <optional>

#include "formats/event_file.h"
#include "heed/train/model_folder.h"
#include "heed/train/train.h"
#include "train/average.h"
#include "train/gradient_buckets.h"
#include "train/json_log.h"
#include "train/loop_state.h"
#include "train/optimizer.h"
#include "train/progress.h"

namespace heed {

class Trainer {
 public:
  Trainer(Task& task, const TrainRun& run);
  TrainResult run();

 private:
  using Clock = std::chrono::steady_clock;

  // train.cc
  void step();  ///< one update
  int64_t accumulate();
  void check_finite(double loss, const std::vector<int64_t>& bad_records) const;
  void draw_apart() const;
  int stop_signal() const;
  std::string place() const;
  void end_epoch();
  void log_epoch(double loss, const std::optional<Metrics>& valid);
  bool is_better(const Metrics& valid) const;
  void follow(const Metrics& valid);
  void show_progress(double lr);
  void log_step(double factor, double norm);
  void show(const std::string& line);
  std::optional<Metrics> validate();
  void finish(TrainResult& result);
  void tell_start();  ///< what the data holds, and what a run that goes on changes

  // checkpoint.cc
  void resume();
  void resume_from(const std::filesystem::path& checkpoint, ModelFiles files);
  void take_model_of_first();
  void go_further(const std::filesystem::path& checkpoint);
  void keep_best();
  void remember_start();  ///< of a step: where a failed one goes back to
  void save_checkpoint();
  void save_best();
  std::string best_metrics(const std::optional<Metrics>& test) const;
  ModelFiles model_files(const std::string& metrics) const;
  bool average_checkpoints();
  void take_mean_of_checkpoints();
  std::string unfinite_weights() const;
  void check_weights() const;

  Task& task_;
  Processes& processes_;
  TrainOptions options_;
  std::optional<RunFolder> folder_;  ///< of the first process, as the log and the curves
  std::vector<RecipeEntry> recipe_;
  std::vector<RecipeChange> changes_;  ///< of the recipe since the checkpoint
  int64_t steps_per_epoch_, steps_;
  ModelOptimizer optimizer_;
  GradientBuckets gradients_;
  WeightAverage average_;
  LoopState state_;
  at::Tensor generator_;   ///< LibTorch's CPU generator at state_.cursor
  uint64_t seed_;          ///< of that generator when the run began
  int asked_to_stop_ = 0;  ///< the signal that came to any of several processes
  Progress* progress_;
  std::optional<JsonLog> log_;
  std::optional<EventFile> events_;
  int64_t examples_ = 0, saved_step_ = -1;
  bool was_finished_ = false;  ///< when it began
  bool is_mean_kept_ = false;  ///< best/ holds the mean of checkpoints of a run that goes further
  Clock::time_point start_ = Clock::now(), logged_ = start_;
  int64_t logged_examples_ = 0;
  double logged_waited_ = 0;  ///< seconds that this process waited for the others
};

}  // namespace heed
