// heed check: reads the recipe and all of its data, builds the model, and says everything that is
// wrong; or reads a model and verifies every file of it.
#include "heed/tasks/check.h"

#include <algorithm>

#include "core/list_folder.h"
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/pretrained/pretrained.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "heed/train/model_folder.h"
#include "heed/train/train.h"
#include "output.h"
#include "recipe_flags.h"
#include "verbs.h"

namespace heed::cli {
namespace {

constexpr size_t kMostPaths = 4;  // that are shown one by one

std::string joined(const std::vector<std::string>& paths) {
  std::string text;
  for (const auto& path : paths) text += (text.empty() ? "" : ", ") + path;
  return text;
}

void print_report(const DataReport& report) {
  const auto& paths = report.paths;
  std::cout << report.role << '\t'
            << printable(paths.size() <= kMostPaths ? joined(paths)
                                                    : paths.front() + " .. " + paths.back())
            << (paths.size() <= kMostPaths ? "" : ", " + std::to_string(paths.size()) + " files")
            << '\n';
  for (const auto& line : report.lines) std::cout << "  " << printable(line, "\t") << '\n';
  for (const auto& problem : report.problems)
    std::cout << "  wrong: " << printable(problem) << '\n';
  const auto shown = std::ssize(report.problems);
  if (report.problem_count > shown)
    std::cout << "  and " << report.problem_count - shown << " more\n";
}

Json report_json(const DataReport& report) {
  Json json = {{"path", joined(report.paths)}, {"records", report.records}};
  json.update(Json::parse(report.json));
  json["problem_count"] = report.problem_count;
  json["problems"] = report.problems;
  return json;
}

/// Counts as whole numbers.
Json number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

void check_recipe(const CheckFlags& flags) {
  auto recipe = read(flags.recipe);
  Json json = {{"recipe", flags.recipe.file}, {"data", Json::object()}};
  int64_t problems = 0;
  std::optional<Failure> why;
  for (const auto& report : examine(recipe)) {
    problems += report.problem_count;
    if (report.problem_count > 0 && !why) why = report.why;
    json["data"][report.role] = report_json(report);
    if (!flags.json) print_report(report);
  }
  if (problems > 0) {
    if (flags.json) std::cout << one_line(json) << '\n';
    throw Error(*why, std::to_string(problems) + (problems == 1 ? " problem" : " problems") +
                          " in the data; standard output lists them");
  }
  const auto task = make_task(read(flags.recipe));  // whether data and model fit
  const auto notes = notes_of(*task, recipe.train);
  check_training_memory(*task, recipe.train);
  task->next();
  json["notes"] = notes;
  for (const auto& [name, value] : task->dataset_stats()) {
    json["stats"][name] = number(value);
    if (!flags.json) std::cout << number(value) << '\t' << printable(name) << '\n';
  }
  if (!flags.json)
    for (const auto& note : notes) std::cout << "note: " << printable(note) << '\n';
  std::cout << (flags.json ? one_line(json) : "nothing is wrong") << '\n';
}

const char* state_text(FileState state) {
  if (state == FileState::verified) return "verified";
  return state == FileState::no_checksum ? "no checksum" : "no file of the model";
}

void add_folder(Json& json, const std::filesystem::path& folder,
                const std::vector<std::pair<std::string, FileState>>& states, bool quiet) {
  Json files = Json::object();
  for (const auto& [name, state] : states) {
    files[name] = state_text(state);
    if (!quiet)
      std::cout << state_text(state) << '\t' << printable((folder / name).string()) << '\n';
  }
  json["folders"].push_back({{"folder", folder.string()}, {"files", files}});
}

/// A folder that others trained, or a GGUF file: neither has checksums, so it is right if it opens.
void check_pretrained(const CheckFlags& flags, Json json) {
  const std::filesystem::path where = flags.recipe.file;
  std::vector<std::pair<std::string, FileState>> files;
  if (kind_of(where) == PathKind::file)
    files.emplace_back(where.filename().string(), FileState::no_checksum);
  else
    for (const auto& entry : list_folder(where))
      if (kind_of(entry) == PathKind::file)
        files.emplace_back(entry.filename().string(), FileState::no_checksum);
  std::sort(files.begin(), files.end());
  add_folder(json, kind_of(where) == PathKind::file ? where.parent_path() : where, files,
             flags.json);
  Predictor::load(flags.recipe.file, flags.recipe.set);
  std::cout << (flags.json ? one_line(json) : "nothing is wrong") << '\n';
}

/// Every model of a run, and whether the one that stands for it opens.
void check_model(const CheckFlags& flags) {
  Json json = {{"model", flags.recipe.file}, {"folders", Json::array()}};
  if (is_pretrained(flags.recipe.file)) return check_pretrained(flags, std::move(json));
  for (const auto& folder : model_folders(flags.recipe.file))
    add_folder(json, folder, verify_model(folder), flags.json);
  Predictor::load(flags.recipe.file, flags.recipe.set);
  std::cout << (flags.json ? one_line(json) : "nothing is wrong") << '\n';
}

}  // namespace

void run(const CheckFlags& flags) {
  const auto& what = flags.recipe.file;
  const bool is_model = kind_of(what) == PathKind::folder || is_pretrained(what);
  is_model ? check_model(flags) : check_recipe(flags);
}

}  // namespace heed::cli
