// heed summary: what a model is made of.
#include "heed/models/summary.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/pretrained/pretrained.h"
#include "heed/tasks/predictor.h"
#include "heed/tasks/supervised.h"
#include "verbs.h"

namespace heed::cli {
namespace {

Summary summary_of(const std::string& what, const std::vector<std::string>& set) {
  if (kind_of(what) != PathKind::file || is_pretrained(what)) {
    auto predictor = Predictor::load(what, set);
    return summarize(predictor.module(), [&] { predictor.run_example(); });
  }
  // What a recipe leaves to its data, which is then opened.
  auto file = RecipeFile::read(what);
  for (const auto& assignment : set) file.set(assignment);
  return summary_of_task(Recipe::read(file));
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

/// 1234567 as 1,234,567.
std::string with_commas(int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(at, ",");
  return text;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      const bool is_number = i >= 3;
      line += (i ? "  " : "") + (is_number ? fill + row[i] : row[i] + fill);
    }
    std::cout << line << '\n';
  }
}

void print(const Summary& summary) {
  std::vector<std::vector<std::string>> rows{
      {"layer", "kind", "output", "parameters", "operations"}};
  for (const auto& row : summary.rows) {
    rows.push_back({row.path.empty() ? "(model)" : printable(row.path), row.kind,
                    shape_text(row.output), with_commas(row.parameters),
                    with_commas(row.operations)});
  }
  rows.push_back(
      {"total", "", "", with_commas(summary.parameters), with_commas(summary.operations)});
  print_table(rows);
}

nlohmann::ordered_json to_json(const Summary& summary) {
  auto layers = nlohmann::ordered_json::array();
  for (const auto& row : summary.rows) {
    layers.push_back({{"layer", row.path},
                      {"kind", row.kind},
                      {"output", row.output},
                      {"parameters", row.parameters},
                      {"operations", row.operations}});
  }
  return {
      {"layers", layers}, {"parameters", summary.parameters}, {"operations", summary.operations}};
}

}  // namespace

void run(const SummaryFlags& flags) {
  const Summary summary = summary_of(flags.model, flags.set);
  if (flags.json) {
    std::cout << to_json(summary).dump(2, ' ', false,
                                       nlohmann::ordered_json::error_handler_t::replace)
              << '\n';
  } else {
    print(summary);
  }
}

}  // namespace heed::cli
