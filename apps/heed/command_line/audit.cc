#include "command_line.h"

namespace heed::cli {

void add_audit(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "audit", "Say whether a model answers otherwise where people are named by other words");
  auto flags = std::make_shared<AuditFlags>();
  add_model(*verb, flags->model);
  verb->add_option("--swap", flags->swap,
                   "Lists of words that are swapped or masked in the texts of --data: a TOML file "
                   "(recipes/audit has some)")
      ->type_name("FILE");
  verb->add_option("--data", flags->data,
                   "Texts, as the recipe's data.test names them, or .txt with a text a line "
                   "(several files are several flags); default: the recipe's test data")
      ->type_name("PATH")
      ->allow_extra_args(false);
  verb->add_option("--pairs", flags->pairs,
                   "In place of --swap: two sentences a record, which differ in who they speak of")
      ->type_name("FILE");
  verb->add_option("--columns", flags->columns, "Of --pairs: their two columns")
      ->type_name("FIRST,SECOND");
  verb->add_option("--kind", flags->kind,
                   "Of --pairs: a column by whose values scores are told apart")
      ->type_name("COLUMN");
  verb->add_option(
          "--target", flags->target,
          "A class or label whose probability is followed; default: what the model answers "
          "to each text as it is")
      ->type_name("NAME");
  verb->add_option("--of", flags->of,
                   "Of a model of several heads the one whose answer is compared")
      ->type_name("NAME");
  verb->add_option("--heads", flags->heads,
                   "Changed texts for which each head is left out, to see which carry the change; "
                   "default 50, 0: none")
      ->check(whole_number(0, 1000000000))
      ->type_name("N");
  verb->add_option("--seed", flags->seed, "Of the intervals' resampling; default 1")
      ->check(whole_number(0, 1000000000))
      ->type_name("N");
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  verb->add_option("--output", flags->output,
                   "Write a line of JSON for each changed text or pair: place, texts, answers")
      ->type_name("FILE");
  verb->add_flag("--json", flags->json, "Print everything as one line of JSON");
  on_run(*verb, flags);
  verb->footer(R"(
In brackets are 95 % intervals: of shares Wilson's, of means by resampling examples 1,000 times.
docs/lens.md says what is compared and how heads are judged.

Examples:
  heed audit models/sst2 --swap recipes/audit/gender.toml
  heed audit models/sst2 --swap recipes/audit/gender.toml --output changed.jsonl --json
  heed audit models/sst2 --pairs crows_pairs_anonymized.csv --columns sent_more,sent_less --kind bias_type)");
}

}  // namespace heed::cli
