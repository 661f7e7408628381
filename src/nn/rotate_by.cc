// Pairs of channels turned by given angles.
#include "core/text.h"
#include "heed/core/threads.h"
#include "heed/nn/positions.h"
#include "kernels/turn_pairs.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

constexpr int64_t kFewNumbers = int64_t{1} << 15;  // for which threads are not worth their start

/// In one pass over x, with the bits of the operators below.
at::Tensor rotated_alone(const at::Tensor& given, const at::Tensor& c, const at::Tensor& s,
                         bool interleaved) {
  const auto x = given.stride(3) == 1 ? given : given.contiguous();
  const int64_t H = x.size(1), L = x.size(2), D = x.size(3), C = c.size(-1);
  const std::vector<int64_t> shape{x.size(0), H, L, C};
  const auto cos = c.contiguous().expand(shape), sin = s.contiguous().expand(shape);
  auto y = at::empty(x.sizes(), x.options());
  const auto run = [&](auto type) {
    using T = decltype(type);
    const auto row_of = [](const at::Tensor& t, int64_t b, int64_t h) {
      return t.data_ptr<T>() + b * t.stride(0) + h * t.stride(1);
    };
    const auto head = [&](int64_t task) {
      const int64_t b = task / H, h = task % H;
      for (int64_t l = 0; l < L; ++l)
        kernels::turn_pairs(
            kernels::TurnPairs<T>{C, D, interleaved, row_of(x, b, h) + l * x.stride(2),
                                  row_of(cos, b, h) + l * cos.stride(2),
                                  row_of(sin, b, h) + l * sin.stride(2), row_of(y, b, h) + l * D});
    };
    const int64_t heads = x.size(0) * H;
    if (x.numel() > kFewNumbers) return parallel_for(heads, head);
    for (int64_t task = 0; task < heads; ++task) head(task);
  };
  x.scalar_type() == at::kDouble ? run(double()) : run(float());
  return y;
}

}  // namespace

at::Tensor rotate_by(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                     bool interleaved) {
  const int64_t D = x.size(3), C = cos.size(-1);
  if (sin.size(-1) != C || 2 * C > D)
    throw ModelError(text_of("rotate_by: expected tables of one width, at most D / 2 = ", D / 2,
                             ", given cos ", C, " and sin ", sin.size(-1), " wide"));
  const auto c = cos.to(x.options()), s = sin.to(x.options());
  if (rows_alone(x)) return rotated_alone(x, c, s, interleaved);
  const auto turned = x.narrow(3, 0, 2 * C);
  const auto pairs = interleaved ? turned.unflatten(3, {C, 2}) : turned.unflatten(3, {2, C});
  const int64_t side = interleaved ? 4 : 3;
  const auto left = pairs.select(side, 0), right = pairs.select(side, 1);
  const auto y = torch::stack({left * c - right * s, right * c + left * s}, side).flatten(3);
  return 2 * C == D ? y : torch::cat({y, x.narrow(3, 2 * C, D - 2 * C)}, 3);
}

}  // namespace heed::nn
