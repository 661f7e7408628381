#include "command_line.h"

namespace heed::cli {

void add_import(CLI::App& app) {
  auto* verb = app.add_subcommand("import", "Make a model folder of tensors that others trained");
  auto flags = std::make_shared<ImportFlags>();
  verb->add_option("map", flags->map, "TOML file that says which tensor becomes which")
      ->required()
      ->type_name("MAP");
  verb->add_option("tensors", flags->tensors, "Their tensors, a safetensors file")
      ->required()
      ->type_name("TENSORS");
  verb->add_option("--out", flags->out, "Folder of the model")->required()->type_name("FOLDER");
  verb->add_flag("--force", flags->force, "Replace the model that stands in the folder");
  on_run(*verb, flags);
  verb->footer(R"(
The map names a recipe beside it, which says what the model is made of, and for each tensor of ours those of
theirs that it is made of: joined, cut by rows, transposed, scaled. Nothing of theirs is left out unseen.

Examples:
  heed import recipes/imports/aren-transliteration-map.toml aren_transliteration.safetensors --out models/aren)");
}

}  // namespace heed::cli
