#include "core/huge_pages.h"

#include <sys/mman.h>

#include <memory>

namespace heed {

void ask_for_huge_pages(void* data, size_t bytes) noexcept {
  constexpr size_t kHugePage = size_t{2} << 20;
  if (std::align(kHugePage, kHugePage, data, bytes)) {
    madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
}

}  // namespace heed
