// heed train: from a recipe to a model folder.
#include "heed/train/train.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/distributed_environment.h"
#include "core/list_folder.h"
#include "core/printable.h"
#include "core/training_memory.h"
#include "frame/called_again.h"
#include "frame/exit.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/threads.h"
#include "heed/tasks/supervised.h"
#include "output.h"
#include "recipe_flags.h"
#include "train/progress.h"
#include "verbs.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

Json result_json(const std::string& folder, const TrainResult& result) {
  Json json = {{"model", folder},
               {"epochs", result.epochs},
               {"steps", result.steps},
               {"best_epoch", result.best_epoch}};
  for (const auto& [name, value] : result.valid.value_or(Metrics{})) json["valid_" + name] = value;
  for (const auto& [name, value] : result.test.value_or(Metrics{})) json["test_" + name] = value;
  json["seconds"] = result.seconds;
  json["peak_memory_mib"] = result.peak_memory >> 20;
  return json;
}

/// A run that is to go on and has nothing to go on from: killed before its first checkpoint, or
/// somebody removed it.
void say_where_it_begins(const std::string& out) {
  if (kind_of(out) != PathKind::folder) return;
  const auto entries = list_folder(out);
  const auto is_checkpoint = [](const fs::path& entry) {
    return entry.filename().string().starts_with("last-");
  };
  if (entries.empty() || std::any_of(entries.begin(), entries.end(), is_checkpoint)) return;
  std::cerr << "heed: note: " << printable(out)
            << " has no checkpoint (last-STEP/) to go on from; the run begins anew\n";
}

void say_processes(const DistributedEnvironment& environment) {
  std::cerr << "heed: " << environment.world_size << " processes (" << environment.launcher << "), "
            << environment.local_world_size << " on this machine, " << num_threads()
            << (num_threads() == 1 ? " thread each" : " threads each")
            << (is_threads_of_torchrun() ? "; torchrun's OMP_NUM_THREADS=1 is passed over" : "")
            << '\n';
}

/// The run's folder is whole at any moment.
void end_at_once(const std::string& why) {
  std::fprintf(stderr, "heed: error: %s\n", printable(why).c_str());
  std::_Exit(static_cast<int>(Failure::peer));
}

/// What every process does; the first one alone has a say. The signal that stopped it; 0: none.
int train_with(Processes& processes, const TrainFlags& flags, bool resume) {
  auto recipe = read(flags.recipe);
  if (!flags.out.empty()) recipe.out = flags.out;
  if (recipe.out.empty()) recipe.out = "models/" + fs::path(flags.recipe.file).stem().string();
  const auto out = recipe.out;
  const auto options = recipe.train;
  const bool speaks = processes.is_first();
  if (resume && speaks) say_where_it_begins(out);
  Progress progress(std::cerr, progress_options(2));
  const auto task = make_task(std::move(recipe));
  for (const auto& note : speaks ? notes_of(*task, options) : std::vector<std::string>{})
    std::cerr << "heed: note: " << printable(note) << '\n';
  const auto result = train(*task, {.options = options,
                                    .folder = out,
                                    .resume = resume,
                                    .progress = &progress,
                                    .processes = &processes});
  if (result.stopped_by) {
    if (speaks)
      std::cerr << "heed: stopped after step " << result.steps
                << (processes.are_several() ? "; go on by the same launcher, which calls: "
                                            : "; go on by: ")
                << called_again_with("train", "--resume") << std::endl;
    return result.stopped_by;
  }
  if (speaks) print_values(result_json(out, result), flags.json);
  return 0;
}

}  // namespace

void run(const TrainFlags& flags) {
  keep_training_memory();
  const auto environment = distributed_environment();
  auto processes = join_processes();
  if (processes->are_several() && processes->is_first()) say_processes(environment);
  processes->when_lost(end_at_once);
  int stopped_by = 0;
  try {
    stopped_by = train_with(*processes, flags, flags.resume || environment.restarts > 0);
  } catch (const std::exception& error) {
    processes->tell_failure(error.what());
    throw;
  }
  processes.reset();  // in good order, which an exception under way is not
  if (stopped_by) throw Exit{128 + stopped_by};
}

}  // namespace heed::cli
