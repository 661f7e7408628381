#include "command_line.h"

namespace heed::cli {
namespace {

/// A metric that is no metric of texts.
struct FileMetric {
  const char* name;
  const char* files;  ///< what stands in PREDICTED and in the reference
};

const std::vector<FileMetric> kFileMetrics = {
    {"classes", "a class a line: accuracy, F1 (macro, micro), MCC"},
    {"labels", "labels a line, commas between: F1 (micro, macro), exact sets"},
    {"auc",
     "a score a line, and 1 or 0; a score for each class, and the class' number from 0; or a score "
     "for each label, and 1 or 0 for each: ROC AUC, average precision"},
    {"probabilities",
     "p of class 1 or of each class, and the class' number from 0: log loss, calibration error"},
    {"regression", "a number a line: MSE, MAE, RMSE, R2, sMAPE; MASE with --history"},
    {"correlation", "a number a line: Pearson, Spearman"},
    {"quantiles", "a number for each of --quantiles, and the value: pinball loss, coverage"},
    {"ranking", "a score for each item, and the item's number from 0: HR, NDCG, MRR"},
    {"spans", "words in columns, the last one the tag, an empty line between sentences: span F1"},
    {"upos", "CoNLL-U: accuracy of UPOS"},
    {"srl", "CoNLL-U Plus, from column 11 the predicate's sense and roles: labelled F1"},
    {"nab", "a folder as NAB's results/DETECTOR, and its combined_windows.json: the NAB score"}};

const std::vector<std::string> kTextMetrics = {"bleu",  "chrf",  "chrf++", "cider",
                                               "rouge", "exact", "wer",    "cer"};

std::vector<std::string> metric_names() {
  auto names = kTextMetrics;
  for (const auto& metric : kFileMetrics) names.emplace_back(metric.name);
  return names;
}

std::string help_below() {
  std::string text =
      "PREDICTED and --reference, line n of one belonging to line n of the other:\n"
      "  bleu, chrf, chrf++, cider, rouge, exact, wer, cer  a text a line\n";
  for (const auto& metric : kFileMetrics)
    text += std::string("  ") + metric.name + "  " + metric.files + "\n";
  return text + R"(
Examples:
  echo 'a dog runs on the beach' > written.en
  echo 'a dog is running on the beach' > right.en
  heed score written.en --reference right.en
  heed score written.en --reference right.en --metric rouge,exact --json
  heed score written.en --reference right.en --metric wer,cer
  echo 'the dog runs along the sea' > right-2.en
  heed score written.en --reference right.en --reference right-2.en --metric bleu,cider)";
}

void add_text_flags(CLI::App* verb, ScoreFlags* flags) {
  verb->add_option("--tokenize", flags->tokenize, "Words of BLEU and CIDEr: 13a, intl, char, none")
      ->check(CLI::IsMember({"13a", "intl", "char", "none"}))
      ->type_name("NAME");
  verb->add_option("--smooth", flags->smooth, "BLEU's precisions of 0: exp, floor, none")
      ->check(CLI::IsMember({"exp", "floor", "none"}))
      ->type_name("NAME");
  verb->add_flag("--lowercase", flags->lowercase,
                 "Lower case before BLEU, chrF, CIDEr, WER and CER");
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
      ->check(share())
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
  verb->footer(help_below());
  on_run(*verb, flags);
}

}  // namespace heed::cli
