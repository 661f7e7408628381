#include <algorithm>

#include "data/class_folders.h"
#include "data/file_images.h"
#include "data/open.h"

namespace heed::data {
namespace {

namespace fs = std::filesystem;

/// The images under `folder` at any depth, in order. `top` is the folder of all classes.
void find_images(const fs::path& folder, const fs::path& top, Problems& problems,
                 std::vector<fs::path>& found) {
  if (lies_in_itself(folder, top, problems)) return;
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

class FolderDataset : public FileImages {
 public:
  FolderDataset(const fs::path& folder, const ImageOptions& options, Problems& problems)
      : FileImages(options),
        folders_(find_classes(folder, options.classes, "images (.png, .jpg, .jpeg)", find_images,
                              problems)) {}

  int64_t size() const override { return std::ssize(folders_.found); }
  const std::vector<std::string>& classes() const override { return folders_.classes; }
  int64_t label(int64_t index) const override {
    check_index(index, size());
    return folders_.found[static_cast<size_t>(index)].label;
  }
  std::string name(int64_t index) const override { return path(index).string(); }

 private:
  fs::path path(int64_t index) const override {
    check_index(index, size());
    return folders_.found[static_cast<size_t>(index)].path;
  }

  ClassFolders folders_;
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
