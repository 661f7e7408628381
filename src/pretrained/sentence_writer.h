// An embedding of Heed as the modules of sentence-transformers.
#pragma once

#include <map>
#include <string>

namespace heed::pretrained {

/// modules.json and what it names (sentence_modules.h), by their path in the folder; tensors of a
/// dense layer are written by their names, "2_Dense/linear.weight". `recipe` are the values of a
/// complete recipe. Throws ModelError that names the key for which they have no word.
std::map<std::string, std::string> sentence_files(const std::map<std::string, std::string>& recipe);

}  // namespace heed::pretrained
