// heed import: a model that others trained becomes a model folder.
#include "heed/train/import.h"

#include <iostream>

#include "verbs.h"

namespace heed::cli {
namespace {

struct ImportFlags {
  std::string map, tensors, out;
};

}  // namespace

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
  verb->callback([flags] {
    import_model(flags->map, flags->tensors, flags->out);
    std::cerr << "heed: wrote " << flags->out << '\n';
  });
  verb->footer(R"(
The map names a recipe beside it, which says what the model is made of, and for each tensor of ours those of
theirs that it is made of: joined, cut by rows, transposed, scaled. Nothing of theirs is left out unseen.

Examples:
  heed import recipes/imports/aren-transliteration-map.toml aren_transliteration.safetensors --out models/aren)");
}

}  // namespace heed::cli
