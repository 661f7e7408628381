// heed: the list of its verbs.
#include "frame/frame.h"
#include "verbs.h"

namespace heed::cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  heed check recipes/fashion-mnist-demo.toml  read all the data and say what is wrong
  heed train recipes/fashion-mnist-demo.toml  train, into models/fashion-mnist-demo
  heed eval models/fashion-mnist-demo         accuracy of each class on the test data
  heed predict models/fashion-mnist-demo shoe.png
  heed map MODEL shoe.png                     draw where a model looks in an image
  heed score OUT.de --reference TEST.de      BLEU and chrF of translations
  heed summary MODEL                          its layers, shapes, parameters and operations
  heed env                                    what this machine and this build offer

Results go to standard output, everything else to standard error. 'heed VERB --help' explains a verb.
Exit codes: 0 well, 2 usage, 3 data, 4 model or recipe, 5 files or disk, 6 memory, 7 training diverged,
128+n stopped by signal n. NO_COLOR is honoured; HEED_NUM_THREADS is what --threads sets.)";

void add_verbs(CLI::App& app) {
  add_train(app);
  add_eval(app);
  add_predict(app);
  add_check(app);
  add_map(app);
  add_score(app);
  add_summary(app);
  add_import(app);
  add_env(app);
}

}  // namespace
}  // namespace heed::cli

int main(int argc, char** argv) {
  return heed::cli::run(
      argc, argv,
      {.name = "heed",
       .description = "Heed, the attention system: train attention models and see where they look.",
       .footer = heed::cli::kFooter,
       .add_verbs = heed::cli::add_verbs});
}
