#include "lens/shrink.h"

#include <array>

namespace heed::lens {

at::Tensor shrink(const Rows& matrix, int64_t height, int64_t width, Shrink how) {
  constexpr int64_t kRowsAtOnce = 64;
  std::vector<at::Tensor> parts;
  const int64_t step = height * std::max<int64_t>(1, kRowsAtOnce / height);
  const std::array<int64_t, 2> block{height, width};
  for (int64_t begin = 0; begin < matrix.rows; begin += step) {
    const Range range{begin, std::min(begin + step, matrix.rows)};
    const auto band = matrix.band(range).detach().to(at::kCPU, at::kDouble).unsqueeze(0);
    parts.push_back(how == Shrink::mean ? at::avg_pool2d(band, block, block, 0, true, false)
                                        : at::max_pool2d(band, block, block, 0, 1, true));
  }
  return at::cat(parts, 1).squeeze(0);
}

}  // namespace heed::lens
