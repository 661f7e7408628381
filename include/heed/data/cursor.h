// Where the consumer of a loader stands.
#pragma once

#include <cstdint>

namespace heed::data {

/// `position` records (Loader) or batches (SequenceLoader, WindowLoader) of `epoch` were handed
/// out. Saved with a checkpoint.
struct Cursor {
  int64_t epoch = 0, position = 0;

  bool operator==(const Cursor&) const = default;
};

}  // namespace heed::data
