// What the training loop asks of a task: a model, batches with a loss, an evaluation.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heed/data/loader.h"
#include "heed/metrics/metrics.h"
#include "heed/train/processes.h"
#include "heed/train/recipe.h"

namespace heed {

/// The loss of one batch.
struct BatchLoss {
  at::Tensor loss;  ///< scalar with gradient: the mean over `count`; undefined: no record
  int64_t count;    ///< records (or tokens) that it is the mean of
  std::vector<int64_t> records;  ///< their numbers in the training data
  /// By name, what the batch's work depends on: lengths with padding, tokens without. For whoever
  /// measures; a task may leave it out.
  std::vector<std::pair<std::string, int64_t>> sizes = {};
};

/// What the model makes of one validation record: shown and logged after each validation.
struct Sample {
  std::string input, expected, output;
};

/// The metric by which the best model is chosen. Of models with equal metrics the one with the
/// lower "loss" is better, where the task has that metric, too, and otherwise the first.
struct SelectionMetric {
  std::string metric;
  bool larger_is_better;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual torch::nn::Module& model() = 0;
  /// The complete recipe, with what was measured or found in the data.
  virtual std::vector<RecipeEntry> recipe() const = 0;
  /// Files that the model needs beside its weights, by name.
  virtual std::map<std::string, std::string> files() const { return {}; }

  /// What opening the data found: counts by name, what was left out among them. None by default.
  virtual Metrics dataset_stats() const { return {}; }

  /// What whoever trains should know of the data before, a sentence each; none by default.
  virtual std::vector<std::string> notes() const { return {}; }

  /// Batches of an epoch.
  virtual int64_t batches() const = 0;
  /// The loss of the next batch with the model as it is; after the last of an epoch comes the first
  /// of the next.
  virtual BatchLoss next() = 0;
  /// Where the data stands; a task that seeks there goes on with the same batches.
  virtual data::Cursor cursor() const = 0;
  virtual void seek(const data::Cursor& cursor) = 0;

  /// From now on next() gives the loss of this process' share of each batch, whose order and random changes stay those of
  /// one process, the cursor counts whole batches, and validate() and test() measure with the other processes. Throws
  /// ModelError where the shares would learn something else than the batch. By default UsageError: the task knows one process.
  virtual void share_with(Processes& processes);
  /// Something that differs where the first batch does, to compare processes by; empty: nothing is known.
  virtual std::string data_digest() { return ""; }

  /// What the learning rate of a parameter is multiplied by.
  virtual double rate_factor(const std::string&) const { return 1; }

  /// What to call a record in a message.
  virtual std::string record_name(int64_t record) const = 0;

  /// What BatchLoss::count counts, for the log's speed: "examples", "tokens".
  virtual const char* unit() const { return "examples"; }

  virtual SelectionMetric selection_metric() const = 0;
  /// Metrics of the validation data, or nothing where there is none. The model is in evaluation
  /// mode.
  virtual std::optional<Metrics> validate() = 0;
  /// A few records of the last validation, the same ones each time; none by default.
  virtual std::vector<Sample> samples() const { return {}; }
  /// Metrics of the test data, or nothing. Never used to choose anything.
  virtual std::optional<Metrics> test() = 0;
};

}  // namespace heed
