#include "command_line.h"

namespace heed::cli {

void add_summary(CLI::App& app) {
  auto* verb =
      app.add_subcommand("summary", "List a model's layers, shapes, parameters, operations");
  auto flags = std::make_shared<SummaryFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run, or a recipe file")
      ->required()
      ->type_name("MODEL|RECIPE");
  verb->add_option("--set", flags->set, "Set a key of the recipe: encoder.width=256")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_flag("--json", flags->json, "Print one JSON object");
  on_run(*verb, flags);
  verb->footer(R"(
Shapes and operations are those of one image, of a source and a target of 32 tokens, or of a story of 10 sentences of 6 words; an addition and a
multiplication count as two operations. A recipe that leaves shapes, classes or vocabularies to its data opens the data.

Examples:
  heed summary models/fashion-mnist-demo
  heed summary recipes/fashion-mnist-demo.toml --json)");
}

}  // namespace heed::cli
