#include "tasks/collected.h"

#include <ATen/ATen.h>

namespace heed {

void Collected::value(at::Tensor& tensor) {
  bool is_defined = tensor.defined();
  value(is_defined);
  if (!is_defined) return;
  auto type = static_cast<int8_t>(reads_ ? at::kFloat : tensor.scalar_type());
  auto sizes = reads_ ? std::vector<int64_t>{} : tensor.sizes().vec();
  value(type), value(sizes);
  const auto whole =
      reads_ ? at::empty(sizes, static_cast<at::ScalarType>(type)) : tensor.contiguous();
  raw(whole.data_ptr(), whole.nbytes());
  if (reads_) tensor = whole;
}

}  // namespace heed
