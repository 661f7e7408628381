// heed score: predictions in a file against what they should be.
#include "score.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>

#include "core/printable.h"
#include "heed/core/error.h"
#include "score_files.h"
#include "tasks/input_lines.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// A metric that is no metric of texts.
struct FileMetric {
  const char* name;
  const char* files;  ///< what stands in PREDICTED and in the reference
  ScoreRow (*row)(const ScoreFlags&);
};

const std::vector<FileMetric> kFileMetrics = {
    {"classes", "a class a line: accuracy, F1 (macro, micro), MCC", classes_row},
    {"labels", "labels a line, commas between: F1 (micro, macro), exact sets", labels_row},
    {"auc",
     "a score a line, and 1 or 0; a score for each class, and the class' number from 0; or a score "
     "for each label, and 1 or 0 for each: ROC AUC, average precision",
     auc_row},
    {"probabilities",
     "p of class 1 or of each class, and the class' number from 0: log loss, calibration error",
     probabilities_row},
    {"regression", "a number a line: MSE, MAE, RMSE, R2, sMAPE; MASE with --history",
     regression_row},
    {"correlation", "a number a line: Pearson, Spearman", correlation_row},
    {"quantiles", "a number for each of --quantiles, and the value: pinball loss, coverage",
     quantiles_row},
    {"ranking", "a score for each item, and the item's number from 0: HR, NDCG, MRR", ranking_row},
    {"spans", "words in columns, the last one the tag, an empty line between sentences: span F1",
     spans_row},
    {"upos", "CoNLL-U: accuracy of UPOS", upos_row},
    {"srl", "CoNLL-U Plus, from column 11 the predicate's sense and roles: labelled F1", srl_row},
    {"nab", "a folder as NAB's results/DETECTOR, and its combined_windows.json: the NAB score",
     nab_row}};

const std::vector<std::string> kTextMetrics = {"bleu", "chrf", "chrf++", "rouge", "exact"};

std::vector<std::string> metric_names() {
  auto names = kTextMetrics;
  for (const auto& metric : kFileMetrics) names.emplace_back(metric.name);
  return names;
}

bool has(const ScoreFlags& flags, const char* metric) {
  return std::ranges::find(flags.metrics, metric) != flags.metrics.end();
}

/// Standard input and pipes give what they have once.
void check_pipes(const ScoreFlags& flags) {
  const auto is_of_texts = [](const std::string& metric) {
    return std::ranges::find(kTextMetrics, metric) != kTextMetrics.end();
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

void score(const ScoreFlags& flags) {
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

std::string help_of_metrics() {
  std::string text =
      "PREDICTED and --reference, line n of one belonging to line n of the other:\n"
      "  bleu, chrf, chrf++, rouge, exact  a text a line\n";
  for (const auto& metric : kFileMetrics)
    text += std::string("  ") + metric.name + "  " + metric.files + "\n";
  return text;
}

void add_text_flags(CLI::App* verb, ScoreFlags* flags) {
  verb->add_option("--tokenize", flags->tokenize, "BLEU's words: 13a, intl, char, none")
      ->check(CLI::IsMember({"13a", "intl", "char", "none"}))
      ->type_name("NAME");
  verb->add_option("--smooth", flags->smooth, "BLEU's precisions of 0: exp, floor, none")
      ->check(CLI::IsMember({"exp", "floor", "none"}))
      ->type_name("NAME");
  verb->add_flag("--lowercase", flags->lowercase, "Lower case before BLEU and chrF");
  verb->add_flag("--stem", flags->stem, "Porter's stems of words before ROUGE");
  verb->add_option("--language", flags->language,
                   "exact: MLQA's rules for en, es, hi, vi, de, ar, zh; default: SQuAD's")
      ->check(CLI::IsMember({"en", "es", "hi", "vi", "de", "ar", "zh"}))
      ->type_name("CODE");
}

void add_value_flags(CLI::App* verb, ScoreFlags* flags) {
  verb->add_option("--scheme", flags->scheme,
                   "spans: lenient, as conlleval; or strict iob1, iob2, ioe2, iobes")
      ->check(CLI::IsMember({"lenient", "iob1", "iob2", "ioe2", "iobes"}))
      ->type_name("NAME");
  verb->add_option("-k,--k", flags->k, "ranking: how many of the best items count; default: 10")
      ->check(whole_number(1, 1000000000))
      ->type_name("N");
  verb->add_option("--quantiles", flags->quantiles, "quantiles: which, as 0.1,0.5,0.9")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("Q,...");
  verb->add_option("--history", flags->history,
                   "regression: the training part of the series, for MASE")
      ->type_name("FILE");
  verb->add_option("--season", flags->season,
                   "MASE: steps after which a series repeats; default: 1")
      ->check(whole_number(1, 1000000000))
      ->type_name("N");
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

void add_score(CLI::App& app) {
  auto* verb = app.add_subcommand("score", "Compare predictions in a file with what is right");
  auto flags = std::make_shared<ScoreFlags>();
  verb->add_option("predicted", flags->predicted,
                   "File of what is to be measured, plain or .gz; a pipe; '-': standard input")
      ->required()
      ->type_name("PREDICTED");
  verb->add_option("--reference", flags->references,
                   "File of what is right; of texts several may be given")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  verb->add_option("--metric", flags->metrics,
                   "Names of metrics (below), with commas between; default: bleu,chrf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(metric_names()))
      ->type_name("NAMES");
  add_text_flags(verb, flags.get());
  add_value_flags(verb, flags.get());
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->footer(help_of_metrics());
  verb->callback([flags] { score(*flags); });
}

}  // namespace heed::cli
