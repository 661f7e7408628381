// heed import: a model that others trained becomes a model folder.
#include "heed/train/import.h"

#include <filesystem>
#include <iostream>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/train/model_folder.h"
#include "verbs.h"

namespace heed::cli {
namespace {

struct ImportFlags {
  std::string map, tensors, out;
  bool force = false;
};

/// A folder that holds something is replaced where that is said, and only a model is.
void check_target(const ImportFlags& flags) {
  if (kind_of(flags.out) != PathKind::folder || std::filesystem::is_empty(flags.out)) return;
  if (!flags.force)
    throw UsageError("the folder " + flags.out +
                     " is not empty; name another by --out, or replace the model in it by --force");
  for (const auto& [name, state] : verify_model(flags.out))
    if (state == FileState::foreign)
      throw UsageError(flags.out + " holds '" + name +
                       "', which is no file of a model and would be lost; move it away");
}

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
  verb->add_flag("--force", flags->force, "Replace the model that stands in the folder");
  verb->callback([flags] {
    check_target(*flags);
    import_model(flags->map, flags->tensors, flags->out);
    std::cerr << "heed: wrote " << printable(flags->out) << '\n';
  });
  verb->footer(R"(
The map names a recipe beside it, which says what the model is made of, and for each tensor of ours those of
theirs that it is made of: joined, cut by rows, transposed, scaled. Nothing of theirs is left out unseen.

Examples:
  heed import recipes/imports/aren-transliteration-map.toml aren_transliteration.safetensors --out models/aren)");
}

}  // namespace heed::cli
