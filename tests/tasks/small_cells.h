// Tiny data and recipes of every input with heads that fit it, for tests that only want them to run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace heed::test {

std::vector<std::string> small_cell_names();

/// Writes the data of a cell into the folder and returns the text of its recipe.
std::string small_cell(const std::string& name, const std::filesystem::path& folder);

}  // namespace heed::test
