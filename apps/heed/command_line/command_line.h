// The verbs of the command line: what each is told, in a file of its own. The work is done by
// libheed_verbs.so, which brings LibTorch and is loaded when a verb runs.
#pragma once

#include <memory>

#include "flags.h"
#include "frame/frame.h"

namespace heed::cli {

extern const Program kHeed;

void add_audit(CLI::App& app);
void add_check(CLI::App& app);
void add_embed(CLI::App& app);
void add_env(CLI::App& app);
void add_eval(CLI::App& app);
void add_explain(CLI::App& app);
void add_export(CLI::App& app);
void add_import(CLI::App& app);
void add_launch(CLI::App& app);
void add_look(CLI::App& app);
void add_map(CLI::App& app);
void add_predict(CLI::App& app);
void add_quantize(CLI::App& app);
void add_recipe(CLI::App& app);
void add_score(CLI::App& app);
void add_serve(CLI::App& app);
void add_summary(CLI::App& app);
void add_train(CLI::App& app);

/// What stands behind the -- of `heed launch` is for its copies: takes it away, and returns the number of words that are
/// left.
int keep_words_of_copies(int argc, char** argv);

/// Loads libheed_verbs.so and runs a verb of it with its flags, a struct of flags.h.
void run_verb(const char* verb, const void* flags);

template <class Flags>
void on_run(CLI::App& verb, std::shared_ptr<Flags> flags) {
  verb.callback([flags = std::move(flags)] { run_verb(Flags::kVerb, flags.get()); });
}

/// RECIPE [--set KEY=VALUE]...
void add_recipe_flags(CLI::App& verb, RecipeFlags& flags);
/// MODEL
void add_model(CLI::App& verb, std::string& model);
/// --set KEY=VALUE of a trained model's recipe
void add_model_set(CLI::App& verb, std::vector<std::string>& set);
void add_truncate(CLI::App& verb, bool& truncate);
/// --host, --port, --key-file
void add_listening(CLI::App& verb, std::string& host, int64_t& port, std::string& key_file);
/// --png, --svg, --pdf, --html
void add_figure_files(CLI::App& verb, FigureFiles& files);
/// --colour
void add_colour(CLI::App& verb, std::string& colour);

}  // namespace heed::cli
