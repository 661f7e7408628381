// Putting a complete new folder where an old one stands, and cleaning up after whoever was killed
// while doing so.
//
// Beside the target NAME stand, hidden and with an ID of their writer's (core/unique_name.h, by which
// they are told from what a user made):
//   .NAME.partial-ID   a folder being written, or one that was exchanged and is being removed
//   .NAME.ready-ID     a complete folder that waits for its place   (only where the file system
//   .NAME.old-ID       what stood there before                       cannot exchange two folders)
#pragma once

#include <filesystem>

namespace heed {

/// Makes an empty .NAME.partial-ID beside the target.
std::filesystem::path make_partial_folder(const std::filesystem::path& target);

/// Puts `fresh` (a .NAME.partial-ID, complete and synchronised) in the target's place; false, with
/// nothing done, where the file system cannot exchange two folders. Throws FileError.
bool replace_by_exchange(const std::filesystem::path& fresh, const std::filesystem::path& target);

/// The same by moving the old folder away first.
void replace_by_two_renames(const std::filesystem::path& fresh,
                            const std::filesystem::path& target);

/// Locks the folder for this process (until the descriptor is closed): a writer holds its partial
/// folder so. Returns the descriptor, or -1 if another process holds the lock or the folder is
/// gone.
int lock_folder(const std::filesystem::path& folder);

}  // namespace heed
