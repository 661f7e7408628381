// heed score: lines of text against what they should be.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "heed/data/lines.h"
#include "heed/metrics/answers.h"
#include "heed/metrics/bleu.h"
#include "heed/metrics/chrf.h"
#include "heed/metrics/rouge.h"
#include "verbs.h"

namespace heed::cli {
namespace {

const std::vector<std::string> kMetrics = {"bleu", "chrf", "chrf++", "rouge", "exact"};

struct ScoreFlags {
  std::string hypotheses;
  std::vector<std::string> references, metrics = {"bleu", "chrf"};
  std::string tokenize = "13a", smooth = "exp";
  bool lowercase = false, stem = false, json = false;
};

std::vector<std::string> lines_of_file(const std::string& file) {
  data::LineReader reader(file);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) lines.push_back(std::move(line));
  return lines;
}

/// A metric's scores; "text" is what is printed.
using Row = nlohmann::ordered_json;

std::string signed_by(const std::string& signature) {
  return signature + "|version:heed-" HEED_VERSION;
}

std::string rounded(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Row bleu_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
             const References& references) {
  const BleuOptions options{
      .tokenize = flags.tokenize, .lowercase = flags.lowercase, .smooth = flags.smooth};
  const auto result = corpus_bleu(lines, references, options);
  const auto signature = signed_by(bleu_signature(options, references.size()));
  return {{"name", "BLEU"},
          {"score", result.score},
          {"signature", signature},
          {"precisions", result.precisions},
          {"brevity_penalty", result.brevity},
          {"hypothesis_words", result.counts.hypothesis},
          {"reference_words", result.counts.reference},
          {"text", "BLEU|" + signature + " = " + result.text()}};
}

Row chrf_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
             const References& references, int64_t words) {
  const ChrfOptions options{.words = words, .lowercase = flags.lowercase};
  const double score = corpus_chrf(lines, references, options);
  const auto name = chrf_name(options);
  const auto signature = signed_by(chrf_signature(options, references.size()));
  return {{"name", name},
          {"score", score},
          {"signature", signature},
          {"text", name + "|" + signature + " = " + rounded(score, 2)}};
}

Row rouge_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
              const References& references) {
  const auto scores = corpus_rouge(lines, references, {.stem = flags.stem});
  const auto signature = signed_by("nrefs:" + std::to_string(references.size()) +
                                   "|stem:" + (flags.stem ? "yes" : "no"));
  Row row = {{"name", "ROUGE"}, {"signature", signature}};
  std::string text = "ROUGE|" + signature + " =";
  const std::pair<const char*, const RougeScore*> parts[] = {
      {"1", &scores.one}, {"2", &scores.two}, {"L", &scores.longest}};
  for (const auto& [name, score] : parts) {
    row[name] = {{"precision", score->precision}, {"recall", score->recall}, {"f1", score->f}};
    text += std::string(" ") + name + " " + rounded(score->f, 4);
  }
  row["text"] = text;
  return row;
}

Row exact_row(const std::vector<std::string>& lines, const References& references) {
  const auto scores = corpus_answers(lines, references);
  const auto signature = signed_by("nrefs:" + std::to_string(references.size()) + "|norm:squad");
  return {{"name", "exact"},
          {"exact", scores.exact},
          {"f1", scores.f1},
          {"signature", signature},
          {"text", "exact|" + signature + " = " + rounded(scores.exact, 4) + " F1 " +
                       rounded(scores.f1, 4)}};
}

Row row_of(const std::string& metric, const ScoreFlags& flags,
           const std::vector<std::string>& lines, const References& references) {
  if (metric == "bleu") return bleu_row(flags, lines, references);
  if (metric == "chrf") return chrf_row(flags, lines, references, 0);
  if (metric == "chrf++") return chrf_row(flags, lines, references, 2);
  if (metric == "rouge") return rouge_row(flags, lines, references);
  return exact_row(lines, references);
}

void score(const ScoreFlags& flags) {
  const auto lines = lines_of_file(flags.hypotheses);
  References references;
  for (const auto& file : flags.references) {
    references.push_back(lines_of_file(file));
    if (references.back().size() != lines.size()) {
      throw DataError(flags.hypotheses + " has " + std::to_string(lines.size()) + " lines, but " +
                      file + " has " + std::to_string(references.back().size()) +
                      "; expected as many, line n of one belonging to line n of the other");
    }
  }
  auto rows = nlohmann::ordered_json::array();
  for (const auto& metric : flags.metrics) rows.push_back(row_of(metric, flags, lines, references));
  if (flags.json) {
    for (auto& row : rows) row.erase("text");
    std::cout << nlohmann::ordered_json({{"lines", lines.size()}, {"scores", rows}}).dump() << '\n';
    return;
  }
  for (const auto& row : rows) std::cout << row["text"].get<std::string>() << '\n';
}

}  // namespace

void add_score(CLI::App& app) {
  auto* verb = app.add_subcommand("score", "Compare lines of text with references");
  auto flags = std::make_shared<ScoreFlags>();
  verb->add_option("hypotheses", flags->hypotheses, "File of texts to measure, plain or .gz")
      ->required()
      ->type_name("HYPOTHESES");
  verb->add_option("--reference", flags->references,
                   "File of right texts, line by line; several may be given")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  verb->add_option("--metric", flags->metrics,
                   "bleu, chrf, chrf++, rouge, exact, with commas between; default: bleu,chrf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(kMetrics))
      ->type_name("NAMES");
  verb->add_option("--tokenize", flags->tokenize, "BLEU's words: 13a, intl, char, none")
      ->check(CLI::IsMember({"13a", "intl", "char", "none"}))
      ->type_name("NAME");
  verb->add_option("--smooth", flags->smooth, "BLEU's precisions of 0: exp, floor, none")
      ->check(CLI::IsMember({"exp", "floor", "none"}))
      ->type_name("NAME");
  verb->add_flag("--lowercase", flags->lowercase, "Lower case before BLEU and chrF");
  verb->add_flag("--stem", flags->stem, "Porter's stems of words before ROUGE");
  verb->add_flag("--json", flags->json, "Print one line of JSON");
  verb->callback([flags] { score(*flags); });
}

}  // namespace heed::cli
