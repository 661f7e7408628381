#include "core/training_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HEED_HAS_MALLOPT 1
#include <malloc.h>
#endif

namespace heed {

#ifdef HEED_HAS_MALLOPT
namespace {

constexpr size_t kKept = size_t{1} << 30, kLargestBlock = size_t{32} << 20;
constexpr size_t kBlock = size_t{24} << 20, kBlocks = kKept / kBlock;
constexpr uintptr_t kSmallPage = 4096;

size_t blocks_to_mark() {
  const auto memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return std::min(kBlocks, static_cast<size_t>(memory / 16) / kBlock);
}

/// The pages of what malloc gives next, untouched, are told apart as huge ones; blocks that follow each other are one piece.
void mark_huge_pages() {
  std::array<void*, kBlocks> blocks{};
  uintptr_t begin = 0, end = 0;
  const auto mark = [&] {
    if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  };
  for (size_t i = 0; i < blocks_to_mark() && (blocks[i] = std::malloc(kBlock)); ++i) {
    const auto at = reinterpret_cast<uintptr_t>(blocks[i]);
    if (at < end || at - end > kSmallPage) {
      mark();
      begin = (at + kSmallPage - 1) / kSmallPage * kSmallPage;
    }
    end = (at + kBlock) / kSmallPage * kSmallPage;
  }
  mark();
  for (void* block : blocks) std::free(block);
}

}  // namespace

void keep_training_memory() noexcept {
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(kLargestBlock));
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(kKept));
  mark_huge_pages();
}
#else
void keep_training_memory() noexcept {}
#endif

}  // namespace heed
