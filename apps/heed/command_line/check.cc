#include "command_line.h"

namespace heed::cli {

void add_check(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "check", "Read a recipe and all of its data, or a model; say what is wrong");
  auto flags = std::make_shared<CheckFlags>();
  add_recipe_flags(*verb, flags->recipe);
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->get_option("recipe")->type_name("RECIPE|MODEL");
  on_run(*verb, flags);
  verb->footer(R"(
Examples:
  heed check recipes/fashion-mnist-demo.toml
  heed check recipes/fashion-mnist-demo.toml --set train.batch=64 --json)");
}

}  // namespace heed::cli
