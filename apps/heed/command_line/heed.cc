// The list of the verbs.
#include "command_line.h"

namespace heed::cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  heed check recipes/fashion-mnist-demo.toml  # reads all the data and says what is wrong
  heed train recipes/fashion-mnist-demo.toml  # into models/fashion-mnist-demo
  heed eval models/fashion-mnist-demo         # accuracy of each class on the test data
  heed predict models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k > answers.txt
  heed map models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0 --png boot.png
  heed explain models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0  # and whether that can be trusted
  heed look models/fashion-mnist-demo /usr/share/datasets/fashion-mnist/t10k:0  # the same on a page
  heed summary models/fashion-mnist-demo      # its layers, shapes, parameters and operations
  heed env                                    # what this machine and this build offer

Results go to standard output, everything else to standard error. 'heed VERB --help' explains a verb.
Exit codes: 0 well, 2 usage, 3 data, 4 model or recipe, 5 files or disk, 6 memory, 7 training diverged,
8 another process of the training was lost, 128+n stopped by signal n. NO_COLOR is honoured; HEED_NUM_THREADS is what --threads sets.)";

void add_verbs(CLI::App& app) {
  add_train(app);
  add_launch(app);
  add_eval(app);
  add_predict(app);
  add_embed(app);
  add_recipe(app);
  add_check(app);
  add_map(app);
  add_explain(app);
  add_audit(app);
  add_look(app);
  add_serve(app);
  add_score(app);
  add_summary(app);
  add_import(app);
  add_export(app);
  add_quantize(app);
  add_env(app);
}

}  // namespace

const Program kHeed = {
    .name = "heed",
    .description = "Heed, the attention system: train attention models and see where they look.",
    .footer = kFooter,
    .add_verbs = add_verbs};

void add_recipe_flags(CLI::App& verb, RecipeFlags& flags) {
  verb.add_option("recipe", flags.file, "TOML file: input, encoder, head, data, training")
      ->required()
      ->type_name("RECIPE");
  verb.add_option("--set", flags.set, "Set a key of the recipe: train.epochs=3")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_model(CLI::App& verb, std::string& model) {
  verb.add_option("model", model, "Folder of a model or run")->required()->type_name("MODEL");
}

void add_model_set(CLI::App& verb, std::vector<std::string>& set) {
  verb.add_option("--set", set, "Set a key of the model's recipe: head.generate.beam_size=8")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

void add_truncate(CLI::App& verb, bool& truncate) {
  verb.add_flag(
      "--truncate", truncate,
      "Cut texts of more tokens than the model takes, and say how much; otherwise they are "
      "an error");
}

void add_listening(CLI::App& verb, std::string& host, int64_t& port, std::string& key_file) {
  verb.add_option("--host", host,
                  "Address to listen at; others than those of this machine alone demand --key-file")
      ->type_name("ADDRESS");
  verb.add_option("--port", port, "Port to listen at; 0: one that is free")
      ->check(whole_number(0, 65535))
      ->type_name("N");
  verb.add_option("--key-file", key_file,
                  "File with the key that requests must bring: Authorization: Bearer KEY")
      ->type_name("FILE");
}

void add_figure_files(CLI::App& verb, FigureFiles& files) {
  verb.add_option("--png", files.png, "Write the figure as PNG")->type_name("FILE");
  verb.add_option("--svg", files.svg, "Write the figure as SVG")->type_name("FILE");
  verb.add_option("--pdf", files.pdf, "Write the figure as PDF")->type_name("FILE");
  verb.add_option("--html", files.html,
                  "Write the figure as one HTML file, where pointing says numbers")
      ->type_name("FILE");
}

void add_colour(CLI::App& verb, std::string& colour) {
  verb.add_option("--colour,--color", colour, "Of the terminal: auto, 24bit, 256 or plain")
      ->type_name("MODE");
}

}  // namespace heed::cli
