// torch.ops.heed.rotate: what a position of queries and keys does to them before attend.
#include <torch/library.h>

#include "heed/core/error.h"
#include "heed/nn/positions.h"

namespace heed::nn {
namespace {

at::Tensor rotate_by_text(const at::Tensor& x, const std::string& how, int64_t first,
                          int64_t length) {
  const auto position = Attention::parse(how).position;
  if (!is_rotary(position))
    throw UsageError("rotate: how: expected rope or rope_2d, given '" + how + "'");
  if (x.dim() != 4)
    throw UsageError("rotate: x: expected shape (B, H, L, D), given " + c10::str(x.sizes()));
  return rotate(x, first, position, length);
}

}  // namespace
}  // namespace heed::nn

// Of differentiable operators: every device, and autograd without more.
TORCH_LIBRARY_FRAGMENT(heed, library) {
  library.def("rotate(Tensor x, str how=\"rope\", int first=0, int length=0) -> Tensor",
              heed::nn::rotate_by_text);
}
