#include "command_line.h"

namespace heed::cli {

void add_export(CLI::App& app) {
  auto* verb = app.add_subcommand("export", "Write a model as a folder of transformers");
  auto flags = std::make_shared<ExportFlags>();
  add_model(*verb, flags->model);
  verb->add_option("folder", flags->folder, "Folder to write, new or empty")
      ->required()
      ->type_name("FOLDER");
  verb->add_flag("--adapter", flags->adapter,
                 "Write the low-rank adapters alone, as PEFT reads them");
  on_run(*verb, flags);
  verb->footer(R"(
Of a model that began with such a folder (model.from): config.json, model.safetensors and the tokenizer's files,
adapters merged. A model that none of their classes holds is refused, with what they lack.

Examples:
  heed export models/stsb-minilm stsb-minilm-hf)");
}

}  // namespace heed::cli
