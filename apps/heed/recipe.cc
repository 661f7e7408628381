// heed recipe: what a recipe may say.
#include <iostream>

#include "heed/core/error.h"
#include "heed/tasks/recipe_reference.h"
#include "verbs.h"

namespace heed::cli {

void run(const TemplateFlags& flags) {
  if (flags.reference) {
    if (!flags.input.empty()) throw UsageError("recipe: --reference is of all parts; name none");
    std::cout << recipe_reference();
    return;
  }
  if (flags.input.empty() || flags.head.empty())
    throw UsageError(
        "recipe: expected the kinds of an input and a head, as in: heed recipe text class");
  std::cout << recipe_template(flags.input, flags.encoder, flags.head);
}

}  // namespace heed::cli
