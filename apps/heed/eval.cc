// heed eval: a trained model meets data whose answers are known.
#include "by_task.h"
#include "task_verbs.h"
#include "verbs.h"

namespace heed::cli {

void add_eval(CLI::App& app) {
  auto* verb = app.add_subcommand("eval", "Measure a model on data whose answers are known");
  auto flags = std::make_shared<EvalFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run")
      ->required()
      ->type_name("MODEL");
  verb->add_option(
          "--data", flags->data,
          "Data with answers, as the recipe's data.test names it (source and target are two "
          "flags); default: the recipe's")
      ->type_name("PATH")
      ->allow_extra_args(false);
  verb->add_option("--set", flags->set,
                   "translate, language: set a key of the model's recipe: generate.beam_size=8")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--output", flags->output, "translate: write the translations, a line each")
      ->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->callback([flags] {
    run_by_task<EvalFlags>("eval", task_of_model(flags->model),
                           {{"answer", evaluate_answerer},
                            {"classify", evaluate_classifier},
                            {"translate", evaluate_translator},
                            {"language", evaluate_language_model}},
                           *flags);
  });
}

}  // namespace heed::cli
