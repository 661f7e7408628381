// [train] of a recipe: how a model is trained, whatever it does.
#pragma once

#include <array>
#include <cstdint>

#include "heed/core/fields.h"

namespace heed {

enum class OptimizerKind { adamw, adam };
constexpr std::array<const char*, 2> words(OptimizerKind) { return {"adamw", "adam"}; }

enum class ScheduleKind { constant, cosine, inverse_sqrt, plateau };
constexpr std::array<const char*, 4> words(ScheduleKind) {
  return {"constant", "cosine", "inverse_sqrt", "plateau"};
}

/// Of products while a model learns.
enum class Precision { float32, bfloat16 };
constexpr std::array<const char*, 2> words(Precision) { return {"float32", "bfloat16"}; }

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adamw;
  double lr = 1e-3;
  double weight_decay = 0.01;  ///< adamw only; not on biases, norms, positions and tokens
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind, "optimizer");
    v("lr", lr, "learning rate at the schedule's top", above(0, 1e30));
    if (kind == OptimizerKind::adamw) {
      v("weight_decay", weight_decay, "decay of weight matrices, times lr, a step",
        between(0, 1000));
    }
    v("beta1", beta1, "decay of the mean gradient", from_to_below(0, 1));
    v("beta2", beta2, "decay of the mean squared gradient", from_to_below(0, 1));
    v("eps", eps, "added to the root of the mean square", between(1e-30, 1));
  }
};

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::constant;
  int64_t warmup = 0;
  double min_lr = 0;    ///< cosine: what lr falls to
  double factor = 0.5;  ///< plateau
  int64_t patience = 3;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind, "learning rate over time");
    v("warmup", warmup, "steps of linear rise from 0",
      between(kind == ScheduleKind::inverse_sqrt ? 1 : 0, kMostCount));
    if (kind == ScheduleKind::cosine)
      v("min_lr", min_lr, "learning rate that the fall ends at", between(0, 1e30));
    if (kind == ScheduleKind::plateau) {
      v("factor", factor, "times lr after `patience` epochs", Bounds{0, 1, true, true});
      v("patience", patience, "epochs without a better validation", between(1, kMostCount));
    }
  }
};

struct TrainOptions {
  int64_t epochs = 10;
  int64_t max_steps = 0;
  int64_t batch = 128;
  int64_t accumulate = 1;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  Precision precision = Precision::float32;
  bool gradient_checkpointing = false;
  double label_smoothing = 0;
  double clip_grad_norm = 0;
  double ema = 0;
  int64_t average_checkpoints = 0;
  int64_t early_stop = 0;
  int64_t keep_checkpoints = 1;
  int64_t save_every = 0;
  int64_t log_every = 50;
  bool shard_optimizer = false;
  int64_t sequence_parallel = 1;

  void check() const;  ///< ModelError where min_lr exceeds lr

  template <class Visitor>
  void fields(Visitor&& v) {
    v("epochs", epochs, "passes over the training data", between(1, kMostCount));
    v("max_steps", max_steps, "updates, the last pass cut short or more passes; 0: as epochs says",
      between(0, kMostCount));
    v("batch", batch, "records of a batch; of text: tokens, padding included",
      between(1, kMostCount));
    v("accumulate", accumulate, "batches whose gradients make one step", between(1, kMostCount));
    v("precision", precision, "of products while it learns; weights, sums and validation: float32");
    v("gradient_checkpointing", gradient_checkpointing,
      "whether backward computes what is inside of Transformer blocks again, in place of keeping "
      "it: less memory, a third more time, the same bits");
    v("label_smoothing", label_smoothing, "share of a label spread over all", from_to_below(0, 1));
    v("clip_grad_norm", clip_grad_norm, "largest norm of the whole gradient; 0: any",
      between(0, 1e9));
    v("ema", ema, "decay of the moving average of the weights, which becomes the model; 0: off",
      from_to_below(0, 1));
    v("average_checkpoints", average_checkpoints,
      "at the end, the mean weights of that many newest checkpoints replace the best model where"
      " validation finds them better; 0: off",
      between(0, kMostCount));
    v("early_stop", early_stop, "epochs without a better validation before the end; 0: never",
      between(0, kMostCount));
    v("keep_checkpoints", keep_checkpoints, "newest checkpoints to keep", between(1, kMostCount));
    v("save_every", save_every, "steps between checkpoints; 0: at the end of each epoch",
      between(0, kMostCount));
    v("log_every", log_every, "steps between lines of the log", between(1, kMostCount));
    v("shard_optimizer", shard_optimizer,
      "whether several processes keep the optimizer's means of a part of the weights each: less "
      "memory, more to send, the same bits");
    v("sequence_parallel", sequence_parallel,
      "successive processes that hold a part each of every sequence, whose keys go round among "
      "them: for texts longer than one has memory for; their number is a multiple of it",
      between(1, 1024));
    v("optimizer", optimizer, "");
    v("schedule", schedule, "");
  }
};

}  // namespace heed
