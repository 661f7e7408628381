// heed eval: a trained model meets data whose answers are known.
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/lens/plots.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

struct EvalFlags {
  std::string model;
  std::vector<std::string> data, set;
  std::string output, png;
  bool json = false;
};

void evaluate(const EvalFlags& flags) {
  refuse_twice("--set", flags.set);
  refuse_twice("--data", flags.data);
  auto predictor = Predictor::load(flags.model, flags.set);
  const auto& paths = flags.data.empty() ? predictor.recipe().paths("test") : flags.data;
  auto read = paths;
  const auto& data_of_folds = predictor.recipe().data;
  if (data_of_folds.folds > 0)
    read.insert(read.end(), data_of_folds.train.begin(), data_of_folds.train.end());
  check_outputs({flags.output, flags.png}, flags.model, read);
  const auto found = predictor.evaluate(flags.data);
  if (!found.note.empty()) std::cerr << "heed: note: " << found.note << '\n';
  if (!flags.output.empty()) {
    if (found.outputs.empty()) throw UsageError("--output: this head has no line for each example");
    std::string lines;
    for (const auto& line : found.outputs) lines += line + '\n';
    write_file(flags.output, lines);
  }
  if (!flags.png.empty()) {
    if (found.plots.empty()) throw UsageError("--png: this head has nothing to draw");
    write_file(flags.png, lens::to_png(found.plots));
  }
  auto data = Json::array();
  for (const auto& path : paths) data.push_back(path);
  Json result = {{"model", flags.model}, {"data", data}, {"examples", found.examples}};
  for (const auto& [name, value] : found.metrics) result[name] = value;
  result["seconds"] = found.seconds;
  if (flags.json) result.update(Json::parse(found.details));
  print_values(result, flags.json);
  if (!flags.json) std::cout << printable(found.report, "\n\t");
}

}  // namespace

void add_eval(CLI::App& app) {
  auto* verb = app.add_subcommand("eval", "Measure a model on data whose answers are known");
  auto flags = std::make_shared<EvalFlags>();
  verb->add_option("model", flags->model, "Folder of a model or run")
      ->required()
      ->type_name("MODEL");
  verb->add_option("--data", flags->data,
                   "Data with answers, as the recipe's data.test names it (several files are "
                   "several flags); default: the recipe's")
      ->type_name("PATH")
      ->allow_extra_args(false);
  verb->add_option("--set", flags->set,
                   "Set a key of the model's recipe: head.generate.beam_size=8")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--output", flags->output, "Write what is answered, a line an example")
      ->type_name("FILE");
  verb->add_option(
          "--png", flags->png,
          "Draw it: confusion, precision beside recall, calibration; numbers beside theirs")
      ->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->callback([flags] { evaluate(*flags); });
}

}  // namespace heed::cli
