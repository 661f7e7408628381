// What a recipe may say: complete recipes to begin with, and the list of all keys.
#pragma once

#include <string>

namespace heed {

/// A complete recipe of the cell input x encoder x head as TOML: every key with its default, and behind it what it
/// means and what it may be. `encoder`: empty for the input's own. The data's paths are empty lists, to be filled in.
/// Throws UsageError, with the nearest name, for a part that there is not.
std::string recipe_template(const std::string& input, const std::string& encoder,
                            const std::string& head);

/// Every key of every part as Markdown: docs/recipes.md.
std::string recipe_reference();

}  // namespace heed
