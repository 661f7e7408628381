// heed eval: a trained model meets data whose answers are known.
#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/lens/plots.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

void write_plots(const EvalFlags& flags, const std::vector<Plot>& plots) {
  if (plots.empty() && !(flags.png.empty() && flags.svg.empty()))
    throw UsageError("--png and --svg: this head has nothing to draw");
  if (!flags.png.empty()) write_file(flags.png, lens::to_png(plots));
  if (!flags.svg.empty()) write_file(flags.svg, lens::to_svg(plots));
}

Json paths_json(const std::vector<std::string>& paths) {
  auto all = Json::array();
  for (const auto& path : paths) all.push_back(path);
  return all;
}

/// --noise: a table of its own.
void measure_noise(const EvalFlags& flags, Predictor& predictor,
                   const std::vector<std::string>& paths) {
  if (!flags.output.empty())
    throw UsageError("--output: with --noise an example has many answers; leave one of them out");
  const auto found = predictor.robustness(flags.data, 1, flags.background);
  write_plots(flags, found.plots());
  Json result = {{"model", flags.model}, {"data", paths_json(paths)}, {"metric", found.metric}};
  if (flags.json) result["noise"] = Json::parse(found.json());
  print_values(result, flags.json);
  if (!flags.json) std::cout << printable(found.report(), "\n");
}

}  // namespace

void run(const EvalFlags& flags) {
  refuse_twice("--set", flags.set);
  refuse_twice("--data", flags.data);
  if (!flags.background.empty() && !flags.noise)
    throw UsageError("--background is played behind sounds by --noise; give --noise, too");
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  if (flags.refuse) predictor.answer_by({.refuse = flags.refuse});
  const auto& paths = flags.data.empty() ? predictor.recipe().paths("test") : flags.data;
  auto read = paths;
  const auto& data_of_folds = predictor.recipe().data;
  if (data_of_folds.folds > 0)
    read.insert(read.end(), data_of_folds.train.begin(), data_of_folds.train.end());
  if (!flags.background.empty()) read.push_back(flags.background);
  check_outputs({flags.output, flags.png, flags.svg}, flags.model, read);
  if (flags.noise) return measure_noise(flags, predictor, paths);
  const auto found = predictor.evaluate(flags.data);
  if (!found.note.empty()) std::cerr << "heed: note: " << found.note << '\n';
  if (!flags.output.empty()) {
    if (found.outputs.empty()) throw UsageError("--output: this head has no line for each example");
    std::string lines;
    for (const auto& line : found.outputs) lines += line + '\n';
    write_file(flags.output, lines);
  }
  write_plots(flags, found.plots);
  Json result = {{"model", flags.model}, {"data", paths_json(paths)}, {"examples", found.examples}};
  for (const auto& [name, value] : found.metrics) result[name] = value;
  result["seconds"] = found.seconds;
  if (flags.json) result.update(Json::parse(found.details));
  print_values(result, flags.json);
  if (!flags.json) std::cout << printable(found.report, "\n\t");
}

}  // namespace heed::cli
