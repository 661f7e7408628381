// Folders of one folder a class.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/problems.h"
#include "heed/core/files.h"

namespace heed::data {

/// What a folder holds, by name, without hidden entries.
std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder);

/// Whether a name ends with one of these, in small letters or capitals.
bool has_ending(const std::filesystem::path& path, std::span<const char* const> endings);
bool has_image_name(const std::filesystem::path& path);

/// Where an entry leads, links followed; a link that leads nowhere or in circles is a problem, and
/// absent then.
PathKind kind_in(const std::filesystem::path& entry, Problems& problems);

/// Whether a folder is one of those that it lies in, which a link can make it; that is a problem.
bool lies_in_itself(const std::filesystem::path& folder, const std::filesystem::path& top,
                    Problems& problems);

struct Labelled {
  std::filesystem::path path;
  int64_t label;
};

struct ClassFolders {
  std::vector<std::string> classes;
  std::vector<Labelled> found;
};

/// Adds what lies in a class's folder to a list, in order. `top` is the folder of all classes.
using FindInClass =
    std::function<void(const std::filesystem::path& folder, const std::filesystem::path& top,
                       Problems& problems, std::vector<std::filesystem::path>& found)>;

/// The class folders as they are, or `wanted`, of which each must be there and none besides, and what `find` finds in
/// each. `what` names that in messages: "images (.png, .jpg, .jpeg)".
ClassFolders find_classes(const std::filesystem::path& folder,
                          const std::vector<std::string>& wanted, const std::string& what,
                          const FindInClass& find, Problems& problems);

}  // namespace heed::data
