// Aligned memory for the tiles of one thread, kept from call to call: no allocation a tile, and
// none a task once a thread has seen the largest head width that it works on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace heed::kernels {

/// At least `bytes` of this thread's tile memory, aligned to 128 bytes, content undefined. A later
/// call on the same thread takes the memory back. Throws std::bad_alloc.
std::byte* thread_scratch(size_t bytes);

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete[](p, std::align_val_t{128}); }
};
template <class T>
using AlignedMemory = std::unique_ptr<T[], AlignedDelete>;

/// Aligned to 128 bytes, content undefined. Throws std::bad_alloc.
template <class T>
AlignedMemory<T> aligned_memory(int64_t count) {
  return AlignedMemory<T>(new (std::align_val_t{128}) T[static_cast<size_t>(count)]);
}

/// Cuts pieces from one allocation. A first pass with a null base only counts.
class Arena {
 public:
  explicit Arena(std::byte* base = nullptr) : base_(base) {}

  template <class T>
  T* take(int64_t count) {
    std::byte* piece = base_ ? base_ + used_ : nullptr;
    used_ += (static_cast<size_t>(count) * sizeof(T) + 127) / 128 * 128;
    return reinterpret_cast<T*>(piece);
  }
  size_t used() const { return used_; }

 private:
  std::byte* base_;
  size_t used_ = 0;
};

}  // namespace heed::kernels
