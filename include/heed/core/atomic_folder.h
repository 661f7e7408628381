// A folder that is whole or absent, whatever kills its writer.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace heed {

/// Fill path() with files, then commit():
///
///   AtomicFolder folder("run/best");
///   folder.write("recipe.toml", text);
///   write_safetensors(folder.path() / "model.safetensors", tensors);
///   folder.commit();
///
/// The files stand in a hidden folder beside the target. commit() brings every file and folder to
/// the device (fsync), puts the new folder in the target's place by one rename (an exchange where
/// the target exists), brings the parent to the device and removes what was there before. Whenever
/// the process or the machine dies, the target is the old folder or the new one, complete; what is
/// left of the other is removed by the next AtomicFolder or recover_folder of that target. On a
/// file system that cannot exchange two folders there is a moment with the old folder moved away
/// and the new one not yet in place; recover_folder ends the move.
///
/// Everything throws FileError with the operation, the path and the system's reason. The target
/// then is as it was; if only the last synchronisation of the parent failed, it is the new folder.
class AtomicFolder {
 public:
  /// The parent must exist. A target that is a link to a folder means that folder; one that is a
  /// file is refused.
  explicit AtomicFolder(const std::filesystem::path& target);
  ~AtomicFolder();  ///< without commit: removes what was written
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& path() const { return partial_; }
  /// `name` may be a path, whose folders are made.
  void write(const std::string& name, std::string_view bytes);
  /// Takes a file or folder of the target along: by links to its files, where the file system has
  /// them, else by copies.
  void keep(const std::string& name);
  void commit();

 private:
  std::filesystem::path target_, partial_;
  int descriptor_ = -1;  ///< of the folder; its lock tells others that the writer lives
};

/// Ends what a killed writer of `target` began: an interrupted replacement is completed, all else
/// of it is removed. What a living writer holds is left alone.
void recover_folder(const std::filesystem::path& target);

/// Removes a folder so that it is whole or absent, whatever kills the process meanwhile.
void remove_folder(const std::filesystem::path& folder);

}  // namespace heed
