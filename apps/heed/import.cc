// heed import: a model that others trained becomes a model folder.
#include "heed/train/import.h"

#include <filesystem>
#include <iostream>

#include "core/list_folder.h"
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/train/model_folder.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// A folder that holds something is replaced where that is said, and only a model is.
void check_target(const ImportFlags& flags) {
  if (kind_of(flags.out) != PathKind::folder || list_folder(flags.out).empty()) return;
  if (!flags.force)
    throw UsageError("the folder " + flags.out +
                     " is not empty; name another by --out, or replace the model in it by --force");
  for (const auto& [name, state] : verify_model(flags.out))
    if (state == FileState::foreign)
      throw UsageError(flags.out + " holds '" + name +
                       "', which is no file of a model and would be lost; move it away");
}

}  // namespace

void run(const ImportFlags& flags) {
  check_target(flags);
  import_model(flags.map, flags.tensors, flags.out);
  std::cerr << "heed: wrote " << printable(flags.out) << '\n';
}

}  // namespace heed::cli
