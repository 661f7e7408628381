#include "command_line.h"

namespace heed::cli {

void add_recipe(CLI::App& app) {
  auto* verb = app.add_subcommand("recipe", "Print a complete recipe to begin with");
  auto flags = std::make_shared<TemplateFlags>();
  verb->add_option("input", flags->input, "What is read: text, image, table, .. (docs/grid.md)")
      ->type_name("INPUT_KIND");
  verb->add_option("head", flags->head, "What is answered: class, number, tags, ..")
      ->type_name("HEAD_KIND");
  verb->add_option("--encoder", flags->encoder, "Its kind; default: the input's own")
      ->type_name("KIND");
  verb->add_flag("--reference", flags->reference,
                 "Print every key of every part instead, as docs/recipes.md has them");
  on_run(*verb, flags);
  verb->footer(R"(
Each key stands there with its default, and behind it what it means and what it may be. Name your data in [data],
leave out what you do not change.

Examples:
  heed recipe text class > mine.toml
  heed recipe series forecast --encoder series
  heed recipe --reference > recipes.md)");
}

}  // namespace heed::cli
