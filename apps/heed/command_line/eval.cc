#include "command_line.h"

namespace heed::cli {

void add_eval(CLI::App& app) {
  auto* verb = app.add_subcommand("eval", "Measure a model on data whose answers are known");
  auto flags = std::make_shared<EvalFlags>();
  add_model(*verb, flags->model);
  verb->add_option("--data", flags->data,
                   "Data with answers, as the recipe's data.test names it (several files are "
                   "several flags); default: the recipe's")
      ->type_name("PATH")
      ->allow_extra_args(false);
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  verb->add_option(
          "--refuse", flags->refuse,
          "Say what share has an answer of at least this probability, and how often it is right")
      ->check(share())
      ->type_name("P");
  verb->add_flag(
      "--noise", flags->noise,
      "Measure again with noise, blur and occlusion of images, typos and dropped words of "
      "texts, noise behind sounds, and against an adversary (FGSM, PGD)");
  verb->add_option("--background", flags->background,
                   "With --noise: a recording, or a folder of them, of which a part is played "
                   "behind each sound")
      ->type_name("PATH");
  verb->add_option("--output", flags->output, "Write what is answered, a line an example")
      ->type_name("FILE");
  verb->add_option(
          "--png", flags->png,
          "Draw it: confusion, precision beside recall, calibration; numbers beside theirs; with "
          "--noise the metric over each noise's strength")
      ->type_name("FILE");
  verb->add_option("--svg", flags->svg, "The same as SVG")->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  on_run(*verb, flags);
  verb->footer(R"(
Examples:
  heed eval models/fashion-mnist-demo
  heed eval models/fashion-mnist-demo --png confusion.png --json
  heed eval models/fashion-mnist-demo --noise --svg noise.svg)");
}

}  // namespace heed::cli
