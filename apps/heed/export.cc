// heed export: a model as a folder of transformers.
#include "heed/tasks/export.h"

#include <iostream>

#include "core/printable.h"
#include "verbs.h"

namespace heed::cli {

void run(const ExportFlags& flags) {
  export_model(flags.model, flags.folder, {.adapter = flags.adapter});
  std::cerr << "heed: wrote " << printable(flags.folder) << '\n';
}

}  // namespace heed::cli
