// heed score: predictions in a file against what they should be.
#include "score.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "score_files.h"
#include "tasks/input_lines.h"
#include "verbs.h"

namespace heed::cli {
namespace {

struct FileMetric {
  const char* name;
  ScoreRow (*row)(const ScoreFlags&);
};

/// The metrics that are no metrics of texts; command_line/score.cc says what stands in their files.
constexpr FileMetric kFileMetrics[] = {{"classes", classes_row},
                                       {"labels", labels_row},
                                       {"auc", auc_row},
                                       {"probabilities", probabilities_row},
                                       {"regression", regression_row},
                                       {"correlation", correlation_row},
                                       {"quantiles", quantiles_row},
                                       {"ranking", ranking_row},
                                       {"spans", spans_row},
                                       {"upos", upos_row},
                                       {"srl", srl_row},
                                       {"nab", nab_row}};

bool has(const ScoreFlags& flags, const char* metric) {
  return std::ranges::find(flags.metrics, metric) != flags.metrics.end();
}

/// Standard input and pipes give what they have once.
void check_pipes(const ScoreFlags& flags) {
  const auto is_of_texts = [](const std::string& metric) {
    return std::ranges::none_of(kFileMetrics,
                                [&](const FileMetric& known) { return metric == known.name; });
  };
  const auto others = std::ssize(flags.metrics) - std::ranges::count_if(flags.metrics, is_of_texts);
  const bool once = others + (others < std::ssize(flags.metrics) ? 1 : 0) == 1;
  auto files = flags.references;
  files.push_back(flags.predicted);
  for (const auto& file : files) {
    if (!flows(file)) continue;
    if (!once)
      throw UsageError("score: " + file + " can be read once, for --metric " + flags.metrics[0] +
                       " or any one metric that is not of texts; give a file for several");
    if (std::ranges::count(files, file) > 1)
      throw UsageError("score: " + file + " can be read once, and is given twice");
  }
}

void check(const ScoreFlags& flags) {
  for (const auto& metric : kFileMetrics) {
    if (has(flags, metric.name) && flags.references.size() > 1)
      throw UsageError(std::string("score: --metric ") + metric.name +
                       ": expected one --reference, given " +
                       std::to_string(flags.references.size()));
  }
  for (const char* metric : {"wer", "cer"}) {
    if (has(flags, metric) && flags.references.size() > 1)
      throw UsageError(std::string("score: --metric ") + metric +
                       ": expected one --reference, given " +
                       std::to_string(flags.references.size()));
  }
  if (has(flags, "quantiles") && flags.quantiles.empty())
    throw UsageError("score: --metric quantiles: expected --quantiles, as --quantiles 0.1,0.5,0.9");
  check_pipes(flags);
  if (!flags.history.empty() && !has(flags, "regression"))
    throw UsageError("score: --history is for --metric regression");
}

/// Read once for all metrics: a file may be a pipe.
struct Texts {
  std::vector<std::string> lines;
  std::vector<std::vector<std::string>> references;

  explicit Texts(const ScoreFlags& flags) : lines(lines_of_file(flags.predicted)) {
    for (const auto& file : flags.references) {
      references.push_back(lines_of_file(file));
      check_same_length(flags.predicted, lines.size(), file, references.back().size(), "lines");
    }
  }
};

ScoreRow row_of_metric(const std::string& name, const ScoreFlags& flags,
                       std::optional<Texts>& texts) {
  for (const auto& metric : kFileMetrics) {
    if (name != metric.name) continue;
    try {
      return metric.row(flags);
    } catch (const UsageError& error) {  // the library's caller is at fault: here, the files
      throw DataError(flags.predicted + " and " + flags.references[0] + ": " + error.what());
    }
  }
  if (!texts) texts.emplace(flags);
  auto row = text_row(name, flags, texts->lines, texts->references);
  row["lines"] = texts->lines.size();
  return row;
}

}  // namespace

std::string signed_by(const std::string& signature) {
  return signature + (signature.empty() ? "" : "|") + "version:heed-" HEED_VERSION;
}

std::string rounded(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

ScoreRow row_of(const std::string& name, const std::string& signature, const Metrics& values) {
  const auto full = signed_by(signature);
  ScoreRow row = {{"name", name}, {"signature", full}};
  std::string text = name + "|" + full + " =";
  for (const auto& [figure, value] : values) {
    row[figure] = value;
    text += " " + figure + " " + rounded(value);
  }
  row["text"] = text;
  return row;
}

void run(const ScoreFlags& flags) {
  check(flags);
  refuse_twice("--metric", flags.metrics);
  refuse_twice("--reference", flags.references);
  auto rows = ScoreRow::array();
  std::optional<Texts> texts;
  for (const auto& metric : flags.metrics) rows.push_back(row_of_metric(metric, flags, texts));
  if (flags.json) {
    for (auto& row : rows) row.erase("text");
    ScoreRow out;
    out["scores"] = rows;
    std::cout << out.dump(-1, ' ', false, ScoreRow::error_handler_t::replace) << '\n';
    return;
  }
  for (const auto& row : rows)
    std::cout << printable(row["text"].get<std::string>(), "\n\t") << '\n';
}

}  // namespace heed::cli
