// heed map: where a model looks.
#include <iostream>

#include "by_task.h"
#include "heed/core/files.h"
#include "task_verbs.h"
#include "verbs.h"

namespace heed::cli {

void write_drawing(const std::string& path, const std::string& bytes) {
  replace_file(path, bytes);
  std::cerr << "heed: wrote " << path << '\n';
}

void add_map(CLI::App& app) {
  auto* verb = app.add_subcommand("map", "Show where a model looks in an image or a text");
  auto flags = std::make_shared<MapFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run")
      ->required()
      ->type_name("MODEL");
  verb->add_option("input", flags->input,
                   "classify: PNG or JPEG file, or PREFIX:INDEX, an image of an IDX set by its "
                   "number; translate, language: a text, or FILE:LINE, counted from 1; answer: "
                   "FILE or FILE:LINE, a question of a file of stories")
      ->required()
      ->type_name("INPUT");
  verb->add_option("--target", flags->target,
                   "translate: the translation to look at; default: the model's own")
      ->type_name("TEXT");
  verb->add_flag("--alignment", flags->alignment,
                 "translate: print which source word each word was written from");
  verb->add_option("--layer", flags->layer, "Only this layer: 1, 2, .. or its name")
      ->type_name("I");
  verb->add_option("--head", flags->head, "Only this head: 1, 2, ..")
      ->check(CLI::PositiveNumber)
      ->type_name("J");
  verb->add_option("--png", flags->png, "Write the figure as PNG")->type_name("FILE");
  verb->add_option("--svg", flags->svg, "Write the figure as SVG")->type_name("FILE");
  verb->add_option("--colour,--color", flags->colour, "Of the terminal: auto, 24bit, 256 or plain")
      ->type_name("MODE");
  verb->add_flag("--json", flags->json, "Print the prediction and all weights as JSON");
  verb->callback([flags] {
    run_by_task<MapFlags>("map", task_of_model(flags->model),
                          {{"answer", map_answer},
                           {"classify", map_classifier},
                           {"language", map_text},
                           {"translate", map_text}},
                          *flags);
  });
  verb->footer(R"(
Without --png, --svg or --json the figure is drawn in the terminal.

Examples:
  heed map models/fashion-mnist shoe.png
  heed map models/fashion-mnist /usr/share/datasets/fashion-mnist/t10k:0 --png shoe.png --svg shoe.svg
  heed map models/fashion-mnist shoe.png --layer 3 --head 2 --json
  heed map models/multi30k-de-en 'ein hund läuft über den strand' --layer cross.3 --png look.png)");
}

}  // namespace heed::cli
