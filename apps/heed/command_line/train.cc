#include "command_line.h"

namespace heed::cli {

void add_train(CLI::App& app) {
  auto* verb = app.add_subcommand("train", "Train a model as a recipe says");
  auto flags = std::make_shared<TrainFlags>();
  add_recipe_flags(*verb, flags->recipe);
  verb->add_option("--out", flags->out,
                   "Folder of the run; default: the recipe's out, or models/NAME")
      ->type_name("DIR");
  verb->add_flag("--resume", flags->resume, "Go on from the newest checkpoint in the folder");
  verb->add_flag("--json", flags->json, "Print the result as one line of JSON");
  on_run(*verb, flags);
  verb->footer(R"(
Examples:
  heed train recipes/fashion-mnist-demo.toml
  heed train recipes/fashion-mnist-demo.toml --set train.epochs=1 --set encoder.layers=2 --out models/two-layers
  heed train recipes/banking77.toml
  heed train recipes/multi30k-de-en.toml)");
}

}  // namespace heed::cli
