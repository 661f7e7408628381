#include "command_line.h"

namespace heed::cli {

void add_look(CLI::App& app) {
  auto* verb = app.add_subcommand("look", "Show a page on which one sees where models look");
  auto flags = std::make_shared<LookFlags>();
  verb->add_option("model", flags->model,
                   "Folder of a model or run, or a file that heed map --record wrote")
      ->required()
      ->type_name("MODEL");
  verb->add_option(
          "input", flags->inputs,
          "Inputs to choose from: files of records, images, sounds, series; others are typed "
          "or uploaded. Default: the test data of the recipe")
      ->type_name("INPUT");
  verb->add_option("--with", flags->with, "Another model or file of maps beside it")
      ->type_name("MODEL")
      ->allow_extra_args(false);
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  add_listening(*verb, flags->host, flags->port, flags->key_file);
  on_run(*verb, flags);
  verb->footer(R"(
The address of the page is printed; open it in a browser. Ctrl-C ends it. The page asks this server alone.

Examples:
  heed look models/sst2
  heed look models/multi30k-de-en --with models/multi30k-de-en-gru
  heed map models/sst2 'a gripping film' --record film.safetensors
  heed look film.safetensors
  heed look models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --port 0)");
}

}  // namespace heed::cli
