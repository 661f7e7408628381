// Memory that is kept back for the moment when there is none.
#pragma once

namespace heed::cli {

/// From now on the first operator new that fails is tried again with what was kept back: what cannot
/// bear a failure (destructors of what others wrote ask for memory) gets through, and so does the
/// message. The next that fails throws std::bad_alloc.
void keep_memory_back();

}  // namespace heed::cli
