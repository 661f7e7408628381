// heed check: reads the recipe and all of its data, builds the model, and says everything that is
// wrong.
#include <iostream>
#include <nlohmann/json.hpp>

#include "recipe_flags.h"
#include "verbs.h"

namespace heed::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CheckFlags {
  RecipeFlags recipe;
  bool json = false;
};

Json report_json(const std::string& path, const data::ImageReport& report) {
  Json classes = Json::object();
  for (size_t i = 0; i < report.classes.size(); ++i) {
    classes[report.classes[i]] = report.per_class[i];
  }
  return {{"path", path},
          {"records", report.records},
          {"shape", {report.shape.channels, report.shape.height, report.shape.width}},
          {"classes", classes},
          {"mean", report.mean},
          {"std", report.std},
          {"problem_count", report.problem_count},
          {"problems", report.problems}};
}

void print_report(const std::string& split, const std::string& path,
                  const data::ImageReport& report) {
  std::cout << split << '\t' << path << '\n'
            << "  " << report.records << " records of " << to_text(report.shape) << '\n';
  for (size_t i = 0; i < report.classes.size(); ++i) {
    std::cout << "  " << report.per_class[i] << '\t' << report.classes[i] << '\n';
  }
  for (const auto& problem : report.problems) std::cout << "  wrong: " << problem << '\n';
  const auto shown = static_cast<int64_t>(report.problems.size());
  if (report.problem_count > shown) {
    std::cout << "  and " << report.problem_count - shown << " more\n";
  }
}

/// A path that cannot be read at all is a problem like others, so that the rest is still looked at.
data::ImageReport examine(const std::string& path, const data::ImageOptions& options,
                          Failure& why) {
  try {
    return data::check_images(path, options);
  } catch (const Error& error) {
    why = error.why();
    data::ImageReport report;
    report.problem_count = 1, report.problems = {error.what()};
    return report;
  }
}

/// Reads all images and says every problem.
void check_data(const ClassifyData& data, const CheckFlags& flags) {
  Json json = {{"recipe", flags.recipe.file}, {"data", Json::object()}};
  int64_t problems = 0;
  Failure why = Failure::data;
  auto options = data.images;
  const std::pair<const char*, std::string> splits[] = {
      {"train", data.train}, {"valid", data.valid}, {"test", data.test}};
  for (const auto& [split, path] : splits) {
    if (path.empty()) continue;
    const auto report = examine(path, options, why);
    problems += report.problem_count;
    json["data"][split] = report_json(path, report);
    if (!flags.json) print_report(split, path, report);
    if (options.classes.empty()) options.classes = report.classes;
  }
  if (flags.json) std::cout << json.dump() << '\n';
  if (problems > 0) {
    throw Error(why, std::to_string(problems) + (problems == 1 ? " problem" : " problems") +
                         " in the data; standard output lists them");
  }
}

/// Counts as whole numbers.
Json number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

/// What the task found in its data; images have had their report.
void print_dataset_stats(const Metrics& stats, const CheckFlags& flags) {
  if (!flags.json) {
    for (const auto& [name, value] : stats) std::cout << number(value) << '\t' << name << '\n';
    std::cout << "nothing is wrong\n";
  } else if (!stats.empty()) {
    Json json = {{"recipe", flags.recipe.file}, {"data", Json::object()}};
    for (const auto& [name, value] : stats) json["data"][name] = number(value);
    std::cout << json.dump() << '\n';
  }
}

void check_recipe(const CheckFlags& flags) {
  const auto recipe = read(flags.recipe);
  if (const auto* own = std::get_if<ClassifyRecipe>(&recipe)) check_data(own->data, flags);
  const auto task = make_task(recipe);  // whether data and model fit
  task->next();
  print_dataset_stats(task->dataset_stats(), flags);
}

}  // namespace

void add_check(CLI::App& app) {
  auto* verb = app.add_subcommand("check", "Read a recipe and all of its data; say what is wrong");
  auto flags = std::make_shared<CheckFlags>();
  add_recipe_flags(*verb, flags->recipe);
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->callback([flags] { check_recipe(*flags); });
}

}  // namespace heed::cli
