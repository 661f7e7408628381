#include "kernels/scratch.h"

#include <memory>
#include <new>

namespace heed::kernels {
namespace {

constexpr std::align_val_t kAlignment{128};

struct Free {
  void operator()(std::byte* p) const { ::operator delete[](p, kAlignment); }
};

}  // namespace

std::byte* thread_scratch(size_t bytes) {
  thread_local std::unique_ptr<std::byte[], Free> memory;
  thread_local size_t size = 0;
  if (bytes > size) {
    memory.reset();
    size = 0;
    memory.reset(new (kAlignment) std::byte[bytes]);
    size = bytes;
  }
  return memory.get();
}

}  // namespace heed::kernels
