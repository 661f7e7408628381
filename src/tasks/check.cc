#include "heed/tasks/check.h"

#include "heed/tasks/recipe.h"
#include "tasks/cell.h"
#include "tasks/check_records.h"
#include "tasks/gap_term.h"

namespace heed {
namespace {

using Parts = std::vector<std::pair<std::string, data::RecordsPtr>>;

void add_problem(DataReport& report, const Error& error) {
  if (report.problem_count == 0) report.why = error.why();
  ++report.problem_count;
  report.problems.push_back(error.what());
}

DataReport examine_part(Recipe& recipe, const Source& source) {
  DataReport report;
  try {
    report = by_source(source, [&] { return recipe.inputs.front()->examine(source); });
    for (size_t i = 1; i < recipe.inputs.size(); ++i) {
      const auto more = recipe.inputs[i]->examine(source);
      report.lines.insert(report.lines.end(), more.lines.begin(), more.lines.end());
    }
    if (source.records)
      for (const auto& head : recipe.heads) head->examine(*source.records, report);
  } catch (const Error& error) {
    add_problem(report, error);
  }
  report.role = source.role;
  report.paths = source.paths;
  return report;
}

void examine_records(const Recipe& recipe, const Parts& parts, std::vector<DataReport>& reports) {
  std::vector<DataReport*> with_records;
  for (auto& report : reports)
    for (const auto& [role, records] : parts)
      if (role == report.role) with_records.push_back(&report);
  if (parts.empty()) return;
  try {
    report_records(parts, recipe.label_columns(), with_records);
  } catch (const Error& error) {
    add_problem(*with_records.front(), error);
  }
}

}  // namespace

std::vector<DataReport> examine(Recipe& recipe) {
  const auto& data = recipe.data;
  if (data.train.empty())
    throw ModelError(recipe.file + ": data.train is missing: what is learned from");
  const std::pair<const char*, const std::vector<std::string>*> parts[] = {
      {"train", &data.train}, {"valid", &data.valid}, {"test", &data.test}};
  if (!recipe.gap.lists.empty()) group_of_gap(recipe.gap);
  std::vector<DataReport> reports;
  Parts records;
  for (const auto& [role, paths] : parts) {
    if (paths->empty()) continue;
    Source source{role, *paths, {}, recipe.target_columns()};
    std::optional<Error> failed;
    try {
      if (recipe.inputs.front()->reads_records(*paths))
        source.records = by_source(source, [&] {
          return data::open_records({source.paths.begin(), source.paths.end()}, data.records);
        });
    } catch (const Error& error) {
      failed = error;
    }
    if (failed) {
      reports.emplace_back().role = role;
      add_problem(reports.back(), *failed);
      reports.back().paths = *paths;
      continue;
    }
    reports.push_back(examine_part(recipe, source));
    if (source.records) records.emplace_back(role, source.records);
  }
  examine_records(recipe, records, reports);
  return reports;
}

}  // namespace heed
