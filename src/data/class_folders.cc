#include "data/class_folders.h"

#include <algorithm>
#include <array>

#include "core/list_folder.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

std::vector<std::string> class_names(const fs::path& folder, const std::vector<std::string>& wanted,
                                     Problems& problems) {
  std::vector<std::string> found;
  for (const fs::path& entry : sorted_entries(folder)) {
    const std::string name = entry.filename().string();
    const auto kind = kind_in(entry, problems);
    if (kind == PathKind::absent) continue;
    if (invalid_utf8(name) != std::string::npos)
      problems.add(entry.string() + ": a class is named in UTF-8; rename the folder");
    else if (kind != PathKind::folder)
      problems.add(entry.string() + ": lies beside the class folders; move it into one or away");
    else if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      problems.add(entry.string() + ": not one of the classes" + suggestion(name, wanted));
    else
      found.push_back(name);
  }
  if (wanted.empty()) return found;
  for (const std::string& name : wanted)
    if (std::find(found.begin(), found.end(), name) == found.end())
      problems.add((folder / name).string() + ": the folder of class '" + name + "' is missing");
  return wanted;
}

}  // namespace

bool has_ending(const fs::path& path, std::span<const char* const> endings) {
  std::string ending = path.extension().string();
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

bool has_image_name(const fs::path& path) {
  static constexpr std::array kEndings = {".png", ".jpg", ".jpeg"};
  return has_ending(path, kEndings);
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  auto entries = list_folder(folder);
  std::erase_if(entries, is_hidden);
  std::sort(entries.begin(), entries.end());
  return entries;
}

PathKind kind_in(const fs::path& entry, Problems& problems) {
  try {
    const auto kind = kind_of(entry);
    if (kind == PathKind::absent)
      problems.add(entry.string() + ": a link that leads nowhere; mend or remove it");
    return kind;
  } catch (const FileError& error) {
    problems.add_caught(error);
    return PathKind::absent;
  }
}

bool lies_in_itself(const fs::path& folder, const fs::path& top, Problems& problems) {
  std::error_code failure;
  for (fs::path above = folder.parent_path();; above = above.parent_path()) {
    if (fs::equivalent(folder, above, failure)) {
      problems.add(folder.string() +
                   ": a link to a folder that it lies in; what it holds would be found over and "
                   "over; remove the link");
      return true;
    }
    if (above == top || !above.has_relative_path()) return false;
  }
}

ClassFolders find_classes(const fs::path& folder, const std::vector<std::string>& wanted,
                          const std::string& what, const FindInClass& find, Problems& problems) {
  ClassFolders all{class_names(folder, wanted, problems), {}};
  for (size_t label = 0; label < all.classes.size(); ++label) {
    std::vector<fs::path> found;
    const fs::path place = folder / all.classes[label];
    std::error_code told;
    if (!fs::is_directory(place, told)) continue;  // found missing above
    find(place, folder, problems, found);
    if (found.empty())
      problems.add(place.string() + ": class '" + all.classes[label] + "' has no " + what +
                   "; add some or remove the folder");
    for (auto& path : found) all.found.push_back({std::move(path), static_cast<int64_t>(label)});
  }
  return all;
}

}  // namespace heed::data
