#include "train/same_processes.h"

#include <dlfcn.h>
#include <torch/version.h>
#include <xxhash.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/mapped_file.h"
#include "core/printable.h"
#include "heed/core/error.h"

namespace heed {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kShownDifferences = 3;

std::string checksum(std::string_view bytes) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  return text;
}

/// The checksum of the file that holds this function: libheed.so.
std::string build() {
  Dl_info found{};
  if (dladdr(reinterpret_cast<const void*>(&require_same), &found) == 0 || !found.dli_fname)
    return "";
  return checksum(MappedFile(found.dli_fname).bytes());
}

Json description(Task& task) {
  Json own = {{"the build of Heed (libheed.so)", build()}, {"LibTorch", TORCH_VERSION}};
  for (const auto& entry : task.recipe())
    if (entry.path != "out" && !entry.path.ends_with(".workers")) own[entry.path] = entry.value;
  for (const auto& [name, bytes] : task.files()) own["the file " + name] = checksum(bytes);
  for (const auto& [name, value] : task.dataset_stats()) own["the data: " + name] = value;
  own["the data: first batch"] = task.data_digest();
  return own;
}

std::string text_of(const Json& all, const std::string& key) {
  if (!all.contains(key)) return "nothing";
  return all[key].is_string() ? all[key].get<std::string>() : all[key].dump();
}

std::vector<std::string> differences(const Json& first, const Json& other) {
  std::vector<std::string> found;
  const auto compare = [&](const std::string& key) {
    const auto is = text_of(other, key), was = text_of(first, key);
    if (is != was) found.push_back(key + " is " + is + ", and " + was + " of rank 0");
  };
  for (const auto& [key, value] : first.items()) compare(key);
  for (const auto& [key, value] : other.items())
    if (!first.contains(key)) compare(key);
  return found;
}

}  // namespace

void require_same(Processes& processes, Task& task) {
  if (!processes.are_several()) return;
  const auto all =
      processes.gather(description(task).dump(-1, ' ', false, Json::error_handler_t::replace));
  const auto first = Json::parse(all.front());
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto found = differences(first, Json::parse(all[rank]));
    if (found.empty()) continue;
    std::string text =
        processes.name(static_cast<int64_t>(rank)) + " does not train the same: " + found.front();
    for (size_t i = 1; i < std::min(found.size(), kShownDifferences); ++i) text += "; " + found[i];
    if (found.size() > kShownDifferences)
      text += "; and " + std::to_string(found.size() - kShownDifferences) + " more";
    throw ModelError(printable(text));
  }
}

}  // namespace heed
