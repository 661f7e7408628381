// The formula a block of rows at a time, so that it needs no Lq x Lk memory: for mechanisms whose
// words have no station in the kernels.
#include <algorithm>

#include "heed/core/threads.h"
#include "kernels/blocks.h"
#include "ops/kernel_call.h"

namespace heed::ops {
namespace {

constexpr int64_t kElements = int64_t{1} << 21;  // of the largest tensor of a block
constexpr int64_t kBlocksAtOnce = 4;             // of backward, whose gradients wait to be added

int64_t rows_at_once(const Call& call) {
  const auto& s = call.scene.sizes;
  const int64_t row = std::max<int64_t>(1, s.B * s.H * s.Lk * std::max<int64_t>(1, s.D));
  return std::clamp<int64_t>(kElements / row, 1, 64);
}

/// The call's inputs for the formula: k and v for each head, everything in the computation's dtype.
struct Inputs {
  Scene scene;
  at::Tensor q, k, v;
  explicit Inputs(const Call& call)
      : scene(expanded(call)),
        q(call.q.to(call.compute)),
        k(for_each_head(call.k.to(call.compute), call.scene.sizes.H)),
        v(for_each_head(call.v.to(call.compute), call.scene.sizes.H)) {
    if (!scene.lengths.defined()) return;
    // Padding may be NaN, whose product with a weight of 0 is NaN.
    const auto keys = torch::arange(k.size(2), scene.lengths.options());
    const auto padding = (keys >= scene.lengths.unsqueeze(1)).unsqueeze(1).unsqueeze(3);
    k = k.masked_fill(padding, 0), v = v.masked_fill(padding, 0);
  }

  Attended rows(const Call& call, Interval rows, bool want_numbers) const {
    return formula_rows(call, cut(scene, rows, {0, k.size(2)}),
                        q.narrow(2, rows.begin, rows.size()), k, v, want_numbers);
  }
};

}  // namespace

Attended by_blocks(const Call& call, bool want_summary) {
  const torch::NoGradGuard no_gradient;
  const auto& s = call.scene.sizes;
  const Inputs inputs(call);
  Attended result;
  result.out = at::empty({s.B, s.H, s.Lq, s.E}, inputs.q.options());
  result.numbers = at::empty({2, s.B, s.H, s.Lq}, inputs.q.options());
  if (want_summary) result.summary = at::empty({s.B, s.H, s.Lq}, inputs.q.options());
  const int64_t each = rows_at_once(call);
  // In a parallel region LibTorch and its BLAS use one thread each, so bits do not depend on how
  // many there are.
  parallel_for(kernels::divide_up(s.Lq, each), [&](int64_t b) {
    const torch::NoGradGuard in_this_thread;
    const Interval rows{b * each, std::min(s.Lq, (b + 1) * each)};
    const auto block = inputs.rows(call, rows, true);
    result.out.narrow(2, rows.begin, rows.size()).copy_(block.out);
    result.numbers.narrow(3, rows.begin, rows.size()).copy_(block.numbers);
    if (want_summary) result.summary.narrow(2, rows.begin, rows.size()).copy_(block.summary);
  });
  return result;
}

std::vector<at::Tensor> block_gradients(const Call& call, const at::Tensor& grad_out,
                                        const std::vector<bool>& wanted) {
  const auto grad = grad_out.to(call.compute);
  const auto one_block = [&](Interval rows) {
    const torch::AutoGradMode record(true);
    Call own = call;
    std::vector<at::Tensor> leaves;
    for (auto* t : differentiable(own)) {
      *t = t->detach().requires_grad_(wanted[leaves.size()]);
      leaves.push_back(*t);
    }
    const auto out = Inputs(own).rows(own, rows, false).out;
    return gradients_through({out}, {grad.narrow(2, rows.begin, rows.size())}, leaves);
  };
  const int64_t each = rows_at_once(call), Lq = call.scene.sizes.Lq;
  std::vector<at::Tensor> sums(wanted.size());
  for (int64_t first = 0; first < Lq; first += each * kBlocksAtOnce) {
    std::array<std::vector<at::Tensor>, kBlocksAtOnce> found;
    const int64_t blocks = std::min(kBlocksAtOnce, kernels::divide_up(Lq - first, each));
    parallel_for(blocks, [&](int64_t b) {
      const int64_t row = first + b * each;
      found[b] = one_block({row, std::min(Lq, row + each)});
    });
    const torch::NoGradGuard no_gradient;
    for (int64_t b = 0; b < blocks; ++b)
      for (size_t i = 0; i < sums.size(); ++i)
        if (found[b][i].defined())
          sums[i] = sums[i].defined() ? sums[i] + found[b][i] : found[b][i];
  }
  return sums;
}

}  // namespace heed::ops
