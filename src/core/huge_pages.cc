#include "core/huge_pages.h"

#include <sys/mman.h>

#include <memory>

namespace heed {

void take_huge_pages(void* data, size_t bytes) noexcept {
  constexpr size_t kHugePage = size_t{2} << 20;
  if (!std::align(kHugePage, kHugePage, data, bytes)) return;
  const size_t whole = bytes / kHugePage * kHugePage;
  madvise(data, whole, MADV_HUGEPAGE);
  for (size_t at = 0; at < whole; at += kHugePage)
    static_cast<volatile std::byte*>(data)[at] = std::byte{0};
}

}  // namespace heed
