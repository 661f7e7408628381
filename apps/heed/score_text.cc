// Metrics of texts, line by line.
#include "core/lower_case.h"
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/metrics/answers.h"
#include "heed/metrics/bleu.h"
#include "heed/metrics/chrf.h"
#include "heed/metrics/cider.h"
#include "heed/metrics/rouge.h"
#include "heed/metrics/wer.h"
#include "score.h"

namespace heed::cli {
namespace {

ScoreRow bleu_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
                  const References& references) {
  const BleuOptions options{.tokenize = from_word<BleuTokenizer>(flags.tokenize).value(),
                            .lowercase = flags.lowercase,
                            .smooth = from_word<BleuSmoothing>(flags.smooth).value()};
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

ScoreRow chrf_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
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

ScoreRow cider_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
                   const References& references) {
  const CiderOptions options{.tokenize = from_word<BleuTokenizer>(flags.tokenize).value(),
                             .lowercase = flags.lowercase};
  ReferencesOfLines of_lines(lines.size());
  for (const auto& reference : references)
    for (size_t i = 0; i < lines.size(); ++i) of_lines[i].push_back(reference[i]);
  const double score = corpus_cider(lines, of_lines, options);
  const auto signature = signed_by(cider_signature(options, references.size()));
  return {{"name", "CIDEr"},
          {"score", score},
          {"signature", signature},
          {"text", "CIDEr|" + signature + " = " + rounded(score)}};
}

ScoreRow rouge_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
                   const References& references) {
  const auto scores = corpus_rouge(lines, references, {.stem = flags.stem});
  const auto signature = signed_by("nrefs:" + std::to_string(references.size()) +
                                   "|stem:" + (flags.stem ? "yes" : "no"));
  ScoreRow row = {{"name", "ROUGE"}, {"signature", signature}};
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

ScoreRow exact_row(const ScoreFlags& flags, const std::vector<std::string>& lines,
                   const References& references) {
  const auto scores = corpus_answers(lines, references, flags.language);
  const auto norm = flags.language.empty() ? "squad" : "mlqa-" + flags.language;
  const auto signature = signed_by("nrefs:" + std::to_string(references.size()) + "|norm:" + norm);
  return {
      {"name", "exact"},
      {"exact", scores.exact},
      {"f1", scores.f1},
      {"signature", signature},
      {"text", "exact|" + signature + " = " + rounded(scores.exact) + " F1 " + rounded(scores.f1)}};
}

ScoreRow error_row(const std::string& name, const ScoreFlags& flags, std::vector<std::string> lines,
                   std::vector<std::string> references) {
  if (flags.lowercase) {
    for (auto& line : lines) line = lower_case(line);
    for (auto& line : references) line = lower_case(line);
  }
  const bool of_words = name == "wer";
  const auto counts =
      of_words ? corpus_word_edits(lines, references) : corpus_character_edits(lines, references);
  if (counts.expected() == 0)
    throw DataError(flags.references[0] + ": expected a word in the reference, given none");
  const auto signature = signed_by(flags.lowercase ? "case:lc" : "case:mixed");
  std::string text = name + "|" + signature + " = " + rounded(counts.rate());
  text += " S " + std::to_string(counts.substitutions) + " D " + std::to_string(counts.deletions);
  text += " I " + std::to_string(counts.insertions) + " of " + std::to_string(counts.expected());
  return {{"name", name},
          {"score", counts.rate()},
          {"signature", signature},
          {"substitutions", counts.substitutions},
          {"deletions", counts.deletions},
          {"insertions", counts.insertions},
          {"hits", counts.hits},
          {"text", text + (of_words ? " words" : " characters")}};
}

}  // namespace

ScoreRow text_row(const std::string& metric, const ScoreFlags& flags,
                  const std::vector<std::string>& lines, const References& references) {
  if (metric == "bleu") return bleu_row(flags, lines, references);
  if (metric == "chrf") return chrf_row(flags, lines, references, 0);
  if (metric == "chrf++") return chrf_row(flags, lines, references, 2);
  if (metric == "cider") return cider_row(flags, lines, references);
  if (metric == "rouge") return rouge_row(flags, lines, references);
  if (metric == "wer" || metric == "cer") return error_row(metric, flags, lines, references[0]);
  return exact_row(flags, lines, references);
}

}  // namespace heed::cli
