// What the recipes of all tasks have in common.
#pragma once

#include <cstdint>
#include <string>

#include "heed/core/fields.h"
#include "heed/train/options.h"

namespace heed {

/// A recipe of the task Data::kTask; a task adds its own tables behind these.
template <class Data, class Model>
struct TaskRecipe {
  std::string task = Data::kTask;
  std::string out;
  int64_t seed = 0;
  Data data;
  Model model;
  TrainOptions train;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("task", task, "what is learned", OneOf{{Data::kTask}});
    v("out", out, "folder of the run");
    v("seed", seed, "of everything random", at_least(0));
    v("data", data, "");
    v("model", model, "");
    v("train", train, "");
  }
};

}  // namespace heed
