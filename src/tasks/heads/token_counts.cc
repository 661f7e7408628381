#include "tasks/heads/token_counts.h"

#include <nlohmann/json.hpp>

#include "formats/json_object.h"
#include "heed/core/error.h"

namespace heed {

std::string token_counts_file(const TokenTally& counts) {
  return nlohmann::json{{"counts", counts}}.dump() + "\n";
}

TokenTally token_counts_of(const Files& files, const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError("the model folder lacks its counts of tokens, the file " + name);
  return JsonObject(found->second, name).integers("counts", between(0, kMostSeed));
}

}  // namespace heed
