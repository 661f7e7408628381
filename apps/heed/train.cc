// heed train: from a recipe to a model folder.
#include "heed/train/train.h"
#include "frame/called_again.h"
#include "heed/tasks/supervised.h"
#include "output.h"
#include "recipe_flags.h"
#include "train/progress.h"
#include "verbs.h"

namespace heed::cli {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  RecipeFlags recipe;
  std::string out;
  bool resume = false, json = false;
};

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

void train_recipe(const TrainFlags& flags) {
  auto recipe = read(flags.recipe);
  if (!flags.out.empty()) recipe.out = flags.out;
  if (recipe.out.empty()) recipe.out = "models/" + fs::path(flags.recipe.file).stem().string();
  const auto out = recipe.out;
  const auto options = recipe.train;
  Progress progress(std::cerr, progress_options(2));
  const auto task = make_task(std::move(recipe));
  const auto result = train(
      *task, {.options = options, .folder = out, .resume = flags.resume, .progress = &progress});
  if (result.stopped_by) {
    std::cerr << "heed: stopped after step " << result.steps
              << "; go on by: " << called_again_with("train", "--resume") << std::endl;
    throw Exit{128 + result.stopped_by};
  }
  print_values(result_json(out, result), flags.json);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* verb = app.add_subcommand("train", "Train a model as a recipe says");
  auto flags = std::make_shared<TrainFlags>();
  add_recipe_flags(*verb, flags->recipe);
  verb->add_option("--out", flags->out,
                   "Folder of the run; default: the recipe's out, or models/NAME")
      ->type_name("DIR");
  verb->add_flag("--resume", flags->resume, "Go on from the newest checkpoint in the folder");
  verb->add_flag("--json", flags->json, "Print the result as one line of JSON");
  verb->callback([flags] { train_recipe(*flags); });
}

}  // namespace heed::cli
