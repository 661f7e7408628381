// Memory of steps that ask for the same again and again.
#pragma once

namespace heed {

/// From now on what is freed stays with the process, up to 1 GiB, and blocks up to 32 MiB share it; the first 1 GiB (at most a sixteenth of the
/// machine's memory) lies in huge pages where it is touched. A training step frees all that it took, and by default the system
/// gets it back and gives it anew, zeroed, in pages of 4 KiB. No more is taken than before. Does nothing without glibc, and as much as limits allow.
void keep_training_memory() noexcept;

}  // namespace heed
