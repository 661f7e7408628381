#include "heed/tasks/check.h"

#include "heed/tasks/recipe.h"
#include "tasks/cell.h"

namespace heed {

std::vector<DataReport> examine(Recipe& recipe) {
  const auto& data = recipe.data;
  const std::pair<const char*, const std::vector<std::string>*> parts[] = {
      {"train", &data.train}, {"valid", &data.valid}, {"test", &data.test}};
  std::vector<DataReport> reports;
  for (const auto& [role, paths] : parts) {
    if (paths->empty()) continue;
    DataReport report;
    try {
      Source source{role, *paths, {}};
      if (data.reads_records)
        source.records = data::open_records({paths->begin(), paths->end()}, data.records);
      report = recipe.inputs.front()->examine(source);
    } catch (const Error& error) {
      report.why = error.why();
      report.problem_count = 1, report.problems = {error.what()};
    }
    report.role = role;
    for (const auto& path : *paths) report.path += (report.path.empty() ? "" : ", ") + path;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace heed
