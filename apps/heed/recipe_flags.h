// The recipe of a verb that reads one: RECIPE [--set KEY=VALUE]...; what there is to say before it is trained.
#pragma once

#include "flags.h"
#include "frame/twice.h"
#include "heed/tasks/recipe.h"
#include "heed/train/train.h"

namespace heed::cli {

inline Recipe read(const RecipeFlags& flags) {
  refuse_twice("--set", flags.set);
  RecipeFile file = RecipeFile::read(flags.file);
  for (const auto& assignment : flags.set) file.set(assignment);
  return Recipe::read(file);
}

inline std::vector<std::string> notes_of(const Task& task, const TrainOptions& options) {
  auto notes = task.notes();
  const auto schedule = check_schedule(task, options);
  if (!schedule.empty()) notes.push_back(schedule);
  return notes;
}

}  // namespace heed::cli
