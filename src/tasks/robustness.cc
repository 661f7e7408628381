#include "heed/tasks/robustness.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "data/text_noise.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "nn/linear.h"
#include "tasks/adversary.h"
#include "tasks/cell.h"
#include "tasks/changed_records.h"

namespace heed {
namespace {

constexpr int64_t kAttacked = 1000;  // examples, of which each step costs a pass and its gradient
const std::vector<double> kAttacks = {1, 2, 4, 8};

/// What everybody knows of texts, by the change of one.
struct TextNoise {
  Noise noise;
  std::string (*change)(std::string_view text, double strength, Random random);
  bool of_words;  ///< a list of words lacks it
};

const std::vector<TextNoise>& text_noises() {
  static const std::vector<TextNoise> all = {
      {{"typos", "share of the words", {0.05, 0.1, 0.2, 0.4}}, data::with_typos, false},
      {{"dropped_words", "share of the words", {0.1, 0.2, 0.3, 0.5}},
       data::without_some_words,
       true}};
  return all;
}

Metrics without_baselines(Metrics metrics) {
  std::erase_if(metrics, [](const auto& metric) {
    return metric.first.find("baseline_") != std::string::npos;
  });
  return metrics;
}

std::vector<std::string> text_columns_of(const Recipe& recipe) {
  std::vector<std::string> all;
  for (const auto& table : recipe.inputs)
    for (auto& column : table.get()->text_columns()) all.push_back(std::move(column));
  return all;
}

/// The examples that an adversary gets: the first of many, without those that answers read again in parts, where its changes
/// would not be seen.
SplitPtr attacked_of(const Cell& cell, const SplitPtr& all) {
  std::vector<int64_t> first;
  for (int64_t i = 0; i < all->size() && std::ssize(first) < kAttacked; ++i) {
    const auto& heads = cell.recipe.heads;
    if (std::none_of(heads.begin(), heads.end(),
                     [&](const auto& head) { return head.get()->reads_parts(*all, i); }))
      first.push_back(i);
  }
  return std::ssize(first) == all->size() ? all : subset(all, std::move(first));
}

void attack(Cell& cell, const InputTable& input, const NormalizedPixels& pixels, uint64_t seed,
            const SplitPtr& all, std::vector<NoiseRow>& rows) {
  const auto some = attacked_of(cell, all);
  if (some->size() == 0) return;
  const auto tensor = (cell.has_several_inputs() ? input.name + "." : "") + pixels.tensor;
  const std::string unit = "largest change of a value, of 255";
  for (const std::string kind : {"fgsm", "pgd"}) {
    auto strengths = kAttacks;
    if (some != all) strengths.insert(strengths.begin(), 0);
    for (const double levels : strengths) {
      const Adversary adversary(cell, pixels, tensor, levels);
      const auto change = [&](Batch& batch) {
        if (levels == 0) return;
        kind == "fgsm" ? adversary.step_once(batch) : adversary.descend(batch, seed);
      };
      const auto score = score_split(cell, some, false, nullptr, change);
      rows.push_back({kind, unit, levels, some->size(), without_baselines(score.metrics)});
    }
  }
}

/// Records whose texts in the columns are worse; which, depends on the seed and their place.
std::function<data::RecordsPtr(const data::RecordsPtr&)> with_text_noise(
    const TextNoise& noise, const std::vector<std::string>& columns, double strength,
    uint64_t seed) {
  return [=, &noise](const data::RecordsPtr& records) {
    uint32_t item = 0;
    const auto change = [&](int64_t record, const std::string& text) {
      return noise.change(text, strength, Random(seed, static_cast<uint32_t>(record), item++));
    };
    return std::make_shared<ChangedRecords>(records, columns, change);
  };
}

void take_background(const std::vector<InputTable>& inputs, const std::string& path) {
  bool taken = false;
  for (const auto& input : inputs) taken = input.get()->take_background(path) || taken;
  if (!taken)
    throw UsageError("--background: the input '" + inputs.front().kind +
                     "' hears no recordings; leave it out");
}

double value_of(const Metrics& metrics, const std::string& name) {
  for (const auto& [own, value] : metrics)
    if (own == name) return value;
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Robustness Predictor::robustness(const std::vector<std::string>& given, uint64_t seed,
                                 const std::string& background) {
  const auto& recipe = cell_->recipe;
  const auto& inputs = recipe.inputs;
  if (!background.empty()) take_background(inputs, background);
  const auto columns =
      recipe.data.reads_records ? text_columns_of(recipe) : std::vector<std::string>();
  const auto pixels = std::find_if(inputs.begin(), inputs.end(),
                                   [](const auto& input) { return input.get()->pixels(); });
  const bool has_noises = std::any_of(inputs.begin(), inputs.end(), [](const auto& input) {
    return !input.get()->noises().empty();
  });
  if (columns.empty() && !has_noises && pixels == inputs.end())
    throw UsageError("--noise: no noise is known of what this model reads, the input '" +
                     inputs.front().kind + "'; expected images, sound, or texts of records");
  Robustness result;
  const auto& head = recipe.heads.front();
  result.metric = cell_->named(head, {{head.get()->selection_metric().metric, 0}}).front().first;
  const auto clean = measured(given);
  const auto add = [&](const SplitPtr& split, const Noise& noise, double strength) {
    for (const auto& table : recipe.heads) table.get()->check(*split, false);
    const nn::RowsAlone alone(cell_->packed);
    const auto score = score_split(*cell_, split, false);
    result.rows.push_back({noise.kind, noise.unit, strength, split->size(),
                           without_baselines(score.metrics), noise.from_zero});
  };
  add(clean, {"none", "", {}}, 0);
  if (!columns.empty()) {
    const bool lists = std::any_of(columns.begin(), columns.end(),
                                   [&](const auto& column) { return clean->is_list(column); });
    for (const auto& text : text_noises()) {
      if (lists && text.of_words) continue;
      for (const double strength : text.noise.strengths)
        add(measured(given, with_text_noise(text, columns, strength, seed)), text.noise, strength);
    }
  }
  std::set<std::string> seen;
  for (const auto& input : inputs)
    for (const auto& noise : input.get()->noises()) {
      if (!seen.insert(noise.kind).second) continue;
      for (const double strength : noise.strengths)
        add(clean->with_noise(noise.kind, strength, seed), noise, strength);
    }
  // What a head reads by itself, as levels of pixels, has no gradient.
  if (pixels != inputs.end() && !cell_->encoder->parameters().empty())
    attack(*cell_, *pixels, *pixels->get()->pixels(), seed, clean, result.rows);
  return result;
}

std::string Robustness::report() const {
  const auto width = std::max<size_t>(6, metric.size());
  std::string text = "\nnoise            strength  " + std::string(width - metric.size(), ' ');
  text.append(metric).append("     change  unit\n");
  const double before = value_of(rows.front().metrics, metric);
  for (const auto& row : rows) {
    char line[160];
    const double value = value_of(row.metrics, metric);
    std::snprintf(line, sizeof line, "%-16s %8.4g  %*.4f  %+9.4f  ", row.kind.c_str(), row.strength,
                  static_cast<int>(width), value, value - before);
    text += line + row.unit;
    if (row.examples != rows.front().examples)
      text += ", " + std::to_string(row.examples) + " of the examples";
    while (text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text;
}

std::string Robustness::json() const {
  auto all = nlohmann::ordered_json::array();
  for (const auto& row : rows) {
    nlohmann::ordered_json line = {{"noise", row.kind}, {"strength", row.strength}};
    if (!row.unit.empty()) line["unit"] = row.unit;
    line["examples"] = row.examples;
    for (const auto& [name, value] : row.metrics) line[name] = value;
    all.push_back(std::move(line));
  }
  return all.dump();
}

std::vector<Plot> Robustness::plots() const {
  std::vector<Plot> all;
  const double clean = value_of(rows.front().metrics, metric);
  const auto add = [](Curve& curve, double x, double y) {
    curve.x.push_back(x), curve.y.push_back(y);
  };
  for (const auto& row : rows) {
    if (row.kind == "none") continue;
    if (all.empty() || all.back().title != row.kind) {
      all.push_back({.title = row.kind, .x = row.unit, .y = metric, .curves = {Curve{"", {}, {}}}});
      if (!row.from_zero)
        all.back().curves.push_back({"without noise", {}, {}});
      else if (row.strength != 0)
        add(all.back().curves[0], 0, clean);
    }
    auto& curves = all.back().curves;
    add(curves[0], row.strength, value_of(row.metrics, metric));
    if (!row.from_zero) add(curves[1], row.strength, clean);
  }
  return all;
}

}  // namespace heed
