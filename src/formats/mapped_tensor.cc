#include "formats/mapped_tensor.h"

#include <c10/core/ScalarType.h>

namespace heed {

at::Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& file, uint64_t begin,
                         at::IntArrayRef shape, at::ScalarType dtype) {
  const char* first = file->bytes().data() + begin;
  if (reinterpret_cast<uintptr_t>(first) % c10::elementSize(dtype) != 0) return {};
  return at::from_blob(
      const_cast<char*>(first), shape, [file](void*) {}, at::TensorOptions(dtype));
}

}  // namespace heed
