#include <algorithm>
#include <array>

#include "core/list_folder.h"
#include "core/utf8.h"
#include "data/file_images.h"
#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/core/nearest.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

struct Record {
  std::string file;  // within the folder
  int64_t label;
};

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool has_image_name(const fs::path& path) {
  static constexpr std::array kEndings = {".png", ".jpg", ".jpeg"};
  std::string ending = path.extension().string();
  for (char& c : ending)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

/// What a folder holds, by name, without hidden entries.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
  auto entries = list_folder(folder);
  std::erase_if(entries, is_hidden);
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// Where an entry leads, links followed; a link that leads nowhere or in circles is a problem, and
/// absent then.
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

/// Whether a folder is one of those that it lies in, which a link can make it.
bool lies_in_itself(const fs::path& folder, const fs::path& top) {
  std::error_code failure;
  for (fs::path above = folder.parent_path();; above = above.parent_path()) {
    if (fs::equivalent(folder, above, failure)) return true;
    if (above == top || !above.has_relative_path()) return false;
  }
}

/// The images under `folder` at any depth, in order. `top` is the folder of all classes.
void find_images(const fs::path& folder, const fs::path& top, Problems& problems,
                 std::vector<fs::path>& found) {
  if (lies_in_itself(folder, top))
    return problems.add(folder.string() +
                        ": a link to a folder that it lies in; images would be found over and over;"
                        " remove the link");
  for (const fs::path& entry : sorted_entries(folder)) {
    const auto kind = kind_in(entry, problems);
    if (kind == PathKind::absent) continue;
    if (kind == PathKind::folder)
      find_images(entry, top, problems, found);
    else if (has_image_name(entry))
      found.push_back(entry);
    else
      problems.add(entry.string() +
                   ": not named as an image (.png, .jpg, .jpeg); convert or remove it");
  }
}

/// The class folders' names: as they are, or `wanted`, of which each must be there and none
/// besides.
std::vector<std::string> find_classes(const fs::path& folder,
                                      const std::vector<std::string>& wanted, Problems& problems) {
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

class FolderDataset : public FileImages {
 public:
  FolderDataset(fs::path folder, const ImageOptions& options, Problems& problems)
      : FileImages(options),
        folder_(std::move(folder)),
        classes_(find_classes(folder_, options.classes, problems)) {
    for (size_t label = 0; label < classes_.size(); ++label) {
      std::vector<fs::path> found;
      const fs::path place = folder_ / classes_[label];
      std::error_code told;
      if (!fs::is_directory(place, told)) continue;  // found missing above
      find_images(place, folder_, problems, found);
      if (found.empty())
        problems.add(place.string() + ": class '" + classes_[label] +
                     "' has no images (.png, .jpg, .jpeg); add some or remove the folder");
      for (const fs::path& file : found)
        records_.push_back(
            {file.lexically_relative(folder_).string(), static_cast<int64_t>(label)});
    }
  }

  int64_t size() const override { return static_cast<int64_t>(records_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int64_t label(int64_t index) const override {
    check_index(index, size());
    return records_[static_cast<size_t>(index)].label;
  }
  std::string name(int64_t index) const override { return path(index).string(); }

 private:
  fs::path path(int64_t index) const override {
    check_index(index, size());
    return folder_ / records_[static_cast<size_t>(index)].file;
  }

  fs::path folder_;
  std::vector<std::string> classes_;
  std::vector<Record> records_;
};

/// The fix for a folder that holds IDX files themselves.
std::string idx_hint(const fs::path& folder) {
  for (const fs::path& entry : sorted_entries(folder)) {
    const std::string name = entry.filename().string();
    const size_t at = name.find("-images-idx3-ubyte");
    if (at != std::string::npos)
      return "; it holds IDX files: give their prefix, " + (folder / name.substr(0, at)).string();
  }
  return "";
}

}  // namespace

Images open_folder(const fs::path& folder, const ImageOptions& options, Problems& problems) {
  const auto entries = sorted_entries(folder);
  if (std::none_of(entries.begin(), entries.end(), [](const fs::path& entry) {
        std::error_code circle;
        return fs::is_directory(entry, circle);
      })) {
    problems.add(folder.string() + ": expected one folder per class, each with images, found none" +
                 idx_hint(folder));
    return nullptr;
  }
  auto dataset = std::make_shared<FolderDataset>(folder, options, problems);
  dataset->find_shape(problems.strict());
  return dataset;
}

}  // namespace heed::data
