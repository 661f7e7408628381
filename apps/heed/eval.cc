// heed eval: a trained model meets data whose answers are known.
#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/lens/plots.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {

void run(const EvalFlags& flags) {
  refuse_twice("--set", flags.set);
  refuse_twice("--data", flags.data);
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
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

}  // namespace heed::cli
