#include "command_line.h"

namespace heed::cli {
namespace {

void add_what(CLI::App& verb, ExplainFlags& flags) {
  verb.add_option("--target", flags.target,
                  "What is explained: a class, label or item, a word's number (tags), a row ahead "
                  "(forecast), a text "
                  "(writers); default: what the model answers")
      ->type_name("WHAT");
  verb.add_option("--tokens", flags.tokens, "Of a text that is written the tokens I to J, from 1")
      ->type_name("I:J");
  verb.add_option("--of", flags.of, "Of a model of several heads the one whose answer is explained")
      ->type_name("NAME");
}

void add_tokens(CLI::App& verb, ExplainFlags& flags) {
  verb.add_option("--method", flags.method,
                  "raw, averaged, rollout, relevance, value_norms, input_gradient, "
                  "integrated_gradients (default), "
                  "value_zeroing, shapley, owen")
      ->type_name("METHOD");
  verb.add_option("--baseline", flags.baseline,
                  "What a token that is taken out becomes: zero (default), mean, padding, unknown")
      ->type_name("WHAT");
  verb.add_option(
          "--unit", flags.unit,
          "What shapley and owen take out together: token, word (default), sentence, second")
      ->type_name("UNIT");
  verb.add_option("--layer", flags.layer, "Of raw and value_norms this layer")
      ->check(whole_number(1, 1000000000))
      ->type_name("I");
  verb.add_option("--head", flags.head, "Of raw this head")
      ->check(whole_number(1, 1000000000))
      ->type_name("J");
  verb.add_option("--steps", flags.steps, "Of integrated_gradients; default 50")
      ->check(whole_number(1, 10000))
      ->type_name("N");
  verb.add_option("--budget", flags.budget,
                  "Inputs that shapley and owen may ask about; default 2000")
      ->check(whole_number(1, 1000000000))
      ->type_name("N");
  verb.add_option("--orders", flags.orders, "Random orders that the tests compare with; default 40")
      ->check(whole_number(19, 1000))
      ->type_name("N");
  verb.add_flag("--no-tests", flags.no_tests,
                "Leave out the tests, which ask the model some hundred times");
  verb.add_option("--seed", flags.seed, "Of everything that is drawn; default 1")
      ->check(whole_number(0, 1000000000))
      ->type_name("N");
}

void add_parts(CLI::App& verb, ExplainFlags& flags) {
  verb.add_option("--heads", flags.heads,
                  "A number a head in place of one a token: importance, or the change of the "
                  "answer when it gives zero, "
                  "mean or resample")
      ->type_name("HOW");
  verb.add_option("--layers", flags.layers,
                  "The same of Transformer blocks: zero, mean or resample")
      ->type_name("HOW");
  verb.add_option("--data", flags.data,
                  "With --heads and --layers more examples, of which the mean is taken")
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb.add_option("--patch", flags.patch,
                  "With --against: how much of the answer comes back when one of these is as it is "
                  "for INPUT: stream, "
                  "heads, queries, keys, values, patterns")
      ->type_name("WHAT");
  verb.add_option("--against", flags.against, "Another input of as many tokens")
      ->type_name("INPUT");
  verb.add_option("--edge", flags.edge,
                  "The parts of the score of one weight, by the numbers of its attention (in the "
                  "order of the calls), head, "
                  "row and column, from 1")
      ->type_name("LAYER:HEAD:ROW:COLUMN");
}

}  // namespace

void add_explain(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "explain", "Say what in an input made the answer, and whether that can be trusted");
  auto flags = std::make_shared<ExplainFlags>();
  add_model(*verb, flags->model);
  verb->add_option("input", flags->input,
                   "As `heed map` takes it: a text, FILE:LINE, an image, PREFIX:INDEX, '-'")
      ->required()
      ->type_name("INPUT");
  add_what(*verb, *flags);
  add_tokens(*verb, *flags);
  add_parts(*verb, *flags);
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  add_figure_files(*verb, flags->files);
  add_colour(*verb, flags->colour);
  verb->add_flag("--json", flags->json, "Print everything as JSON");
  on_run(*verb, flags);
  verb->footer(R"(
Each token has a number: how much it moved the answer (docs/lens.md has the formulas). Beside it stand
tests: whether taking out what it names changes the answer more than chance, whether it depends on
what the model learned, whether its numbers add up; one that fails them says so.

Examples:
  heed explain models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0
  heed explain models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --method relevance --png boot.png
  heed explain models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --heads importance
  heed explain models/banking77 'my card was swallowed' --method shapley --html card.html
  heed explain models/banking77 'my card was swallowed' --against 'my card was delivered' --patch stream --json)");
}

}  // namespace heed::cli
