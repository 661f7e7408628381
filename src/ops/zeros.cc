#include "ops/zeros.h"

#include <sys/mman.h>

#include "core/huge_pages.h"

namespace heed::ops {

at::Tensor zeros_of(const at::Tensor& t) {
  constexpr size_t kLarge = size_t{2} << 20;
  const auto options = t.options().requires_grad(false);
  const size_t bytes = static_cast<size_t>(t.numel()) * t.element_size();
  if (!t.is_cpu() || bytes < kLarge) return at::zeros(t.sizes(), options);
  void* const pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return at::zeros(t.sizes(), options);  // says how much memory it lacks
  take_huge_pages(pages, bytes);
  return at::from_blob(
      pages, t.sizes(), [bytes](void* data) { munmap(data, bytes); }, options);
}

}  // namespace heed::ops
