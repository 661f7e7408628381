// heed predict: what a model makes of inputs, in their order.
#include "by_task.h"
#include "task_verbs.h"
#include "verbs.h"

namespace heed::cli {

void add_predict(CLI::App& app) {
  auto* verb = app.add_subcommand("predict", "Name the class of images, translate or write text");
  auto flags = std::make_shared<PredictFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run")
      ->required()
      ->type_name("MODEL");
  verb->add_option(
          "input", flags->inputs,
          "classify: image files (PNG, JPEG) or IDX prefixes, '-': their names from "
          "standard input; translate, language: text files of a line each; answer: files of "
          "stories and questions; '-': standard input")
      ->type_name("INPUT|-");
  verb->add_option("--top", flags->top, "classify, answer: classes or answers in JSON, best first")
      ->check(CLI::PositiveNumber)
      ->type_name("K");
  verb->add_option("--set", flags->set,
                   "translate, language: set a key of the model's recipe: generate.beam_size=8")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--with", flags->with,
                   "translate: another model of the same vocabularies; all translate together")
      ->type_name("MODEL")
      ->allow_extra_args(false);
  verb->add_option("--prefix", flags->prefix,
                   "translate: a file with a line per input, with which its translation begins")
      ->type_name("FILE");
  verb->add_option("--target", flags->target,
                   "translate: score these translations, a line per input, instead of making some")
      ->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print a line of JSON an input");
  verb->callback([flags] {
    if (flags->inputs.empty()) flags->inputs.emplace_back("-");
    run_by_task<PredictFlags>("predict", task_of_model(flags->model),
                              {{"answer", answer_questions},
                               {"classify", predict_classes},
                               {"translate", predict_translations},
                               {"language", predict_text}},
                              *flags);
  });
  verb->footer(R"(
A line in gives a line out, in order. How text is searched for stands in the recipe's [generate].

Examples:
  heed predict models/fashion-mnist shoe.png --json
  heed predict models/multi30k-de-en flickr.de > flickr.en
  echo 'ein hund läuft' | heed predict models/multi30k-de-en --set generate.beam_size=8 --json
  echo 'ROMEO:' | heed predict models/tinyshakespeare --set generate.temperature=0.8)");
}

}  // namespace heed::cli
