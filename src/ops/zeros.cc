#include "ops/zeros.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "heed/core/threads.h"

namespace heed::ops {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

/// Asks for huge pages where the memory has not been touched; the system may decline.
void advise(std::byte* data, size_t bytes) {
  void* first = data;
  size_t left = bytes;
  if (!std::align(kHugePage, kHugePage, first, left)) return;
  madvise(first, left / kHugePage * kHugePage, MADV_HUGEPAGE);
}

}  // namespace

at::Tensor zeros_of(const at::Tensor& t) {
  if (!t.is_cpu()) return at::zeros(t.sizes(), t.options().requires_grad(false));
  auto zeros = at::empty(t.sizes(), t.options().requires_grad(false));
  const size_t bytes = zeros.nbytes();
  auto* data = static_cast<std::byte*>(zeros.data_ptr());
  advise(data, bytes);
  parallel_for(static_cast<int64_t>((bytes + kHugePage - 1) / kHugePage), [&](int64_t page) {
    const size_t first = static_cast<size_t>(page) * kHugePage;
    std::memset(data + first, 0, std::min(kHugePage, bytes - first));
  });
  return zeros;
}

}  // namespace heed::ops
