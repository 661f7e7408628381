// Errors of libraries, said in the words of a recipe.
#pragma once

#include <string>
#include <vector>

#include "heed/core/error.h"

namespace heed {

/// A library's name for a field at the start of its messages, and the recipe's key.
struct KeyName {
  std::string theirs, key;
};

/// A message that begins with the library's name of a field, with the recipe's key instead. The
/// first name that fits counts.
inline std::string renamed(const std::vector<KeyName>& names, const std::string& message) {
  for (const auto& [theirs, key] : names)
    if (message.starts_with(theirs)) return key + message.substr(theirs.size());
  return message;
}

/// Runs `use`; wrong arguments and models are told so, as ModelErrors.
template <class Use>
auto by_key(const std::vector<KeyName>& names, Use&& use) {
  try {
    return use();
  } catch (const ModelError& error) {
    throw ModelError(renamed(names, error.what()));
  } catch (const UsageError& error) {
    throw ModelError(renamed(names, error.what()));
  }
}

}  // namespace heed
