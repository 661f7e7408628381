#include "command_line.h"

namespace heed::cli {

void add_map(CLI::App& app) {
  auto* verb = app.add_subcommand("map", "Show where a model looks in one input");
  auto flags = std::make_shared<MapFlags>();
  add_model(*verb, flags->model);
  verb->add_option(
          "input", flags->input,
          "A text; FILE:LINE, a record, counted from 1; an image file, or PREFIX:INDEX, "
          "an image of an IDX set by its number; '-' or a pipe: its first line, for images a "
          "name")
      ->required()
      ->type_name("INPUT");
  verb->add_option("--target", flags->target,
                   "The text whose writing is looked at; default: the model's own")
      ->type_name("TEXT");
  verb->add_flag("--alignment", flags->alignment,
                 "Print which source word each written word came from");
  verb->add_option("--layer", flags->layer, "Only this layer: 1, 2, .. or its name")
      ->type_name("I");
  verb->add_option("--head", flags->head, "Only this head: 1, 2, ..")
      ->check(whole_number(1, 1000000000))
      ->type_name("J");
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  verb->add_option(
          "--view", flags->view,
          "What is drawn of a text: heat, every weight; overview, all layers and heads, small; "
          "lines from token to token, of one layer; tokens, coloured by what they receive")
      ->type_name("WHAT");
  verb->add_flag(
      "--sinks", flags->sinks,
      "Colour tokens, too, that take most of the weight for nothing (<s>, [SEP]); else they "
      "are grey, and the figure says what they hold");
  add_figure_files(*verb, flags->files);
  verb->add_option(
          "--npy", flags->npy,
          "Write all weights as an array of NumPy: (layers, heads, rows, columns), float32")
      ->type_name("FILE");
  verb->add_option(
          "--record", flags->record,
          "Write the maps themselves, which heed look opens without the model: a safetensors file")
      ->type_name("FILE");
  add_colour(*verb, flags->colour);
  verb->add_flag("--json", flags->json, "Print the prediction and all weights as JSON");
  on_run(*verb, flags);
  verb->footer(R"(
Without --json and files to write the figure is drawn in the terminal.

Examples:
  heed map models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0
  heed map models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --png boot.png --svg boot.svg
  heed map models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --layer 1 --head 2 --json > boot.json
  heed map models/multi30k-de-en 'ein hund läuft über den strand' --layer cross.3 --png look.png
  heed map models/multi30k-de-en 'ein hund läuft über den strand' --layer cross.3 --view lines --html look.html)");
}

}  // namespace heed::cli
