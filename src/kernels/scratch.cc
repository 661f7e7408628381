#include "kernels/scratch.h"

namespace heed::kernels {

std::byte* thread_scratch(size_t bytes) {
  thread_local AlignedMemory<std::byte> memory;
  thread_local size_t size = 0;
  if (bytes > size) {
    memory.reset();
    size = 0;
    memory = aligned_memory<std::byte>(static_cast<int64_t>(bytes));
    size = bytes;
  }
  return memory.get();
}

}  // namespace heed::kernels
