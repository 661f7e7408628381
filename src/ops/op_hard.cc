// All weight on one key: the largest score, in training of scores with Gumbel noise, which is a
// draw from their softmax. The numbers per row are that key, -1 where nothing is seen, and its
// score. Gradients are those of softmax(score / temperature): straight-through (Jang et al. 2017).
#include <limits>

#include "heed/core/threads.h"
#include "kernels/gumbel.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor noise_like(const CallContext& context, const at::Tensor& scores) {
  const int64_t H = scores.size(1), rows = scores.size(2), columns = scores.size(3);
  auto noise = torch::empty(scores.sizes(), at::kDouble);
  auto* data = noise.data_ptr<double>();
  parallel_for(scores.size(0) * H, [&](int64_t task) {
    for (int64_t i = 0; i < rows; ++i)
      kernels::gumbel_noise(context.seed, context.batch + task / H, context.head + task % H,
                            context.row + i, context.column, columns,
                            data + (task * rows + i) * columns);
  });
  return noise.to(scores.options());
}

at::Tensor noisy(const CallContext& context, const at::Tensor& scores) {
  return context.training ? scores + noise_like(context, scores) : scores;
}

/// The first of the largest scores; -1 for a row of -inf.
at::Tensor chosen(const at::Tensor& scores) {
  const auto blind = (scores == kHidden).all(-1);
  if (scores.size(-1) == 0) return torch::full_like(blind, -1, at::kLong);
  const auto top = scores == scores.amax(-1, /*keepdim=*/true);
  return top.to(at::kByte).argmax(-1).masked_fill(blind, -1);
}

at::Tensor one_hot(const CallContext& context, const at::Tensor& scores, const at::Tensor& key) {
  return (key_positions(context, scores) == key.unsqueeze(-1)).to(scores.options());
}

at::Tensor hard_weights(const OpSpec& op, const CallContext& context, const at::Tensor& given) {
  const auto scores = noisy(context, given);
  const auto hard = one_hot(context, scores, chosen(scores.detach()) + context.column);
  const auto blind = (scores == kHidden).all(-1, /*keepdim=*/true);
  const auto soft =
      torch::softmax(scores.masked_fill(blind, 0) / op.at("temperature"), -1).masked_fill(blind, 0);
  return soft + (hard - soft).detach();
}

at::Tensor hard_row_stats(const OpSpec&, const CallContext& context, const at::Tensor& given) {
  const auto scores = noisy(context, given).detach();
  const auto key = chosen(scores).to(given.scalar_type());
  const auto top = scores.size(-1) ? scores.amax(-1) : torch::full_like(key, kHidden);
  return torch::stack({key, top});
}

at::Tensor hard_from_row_stats(const OpSpec&, const CallContext& context, const at::Tensor& scores,
                               const at::Tensor& row_stats) {
  return one_hot(context, scores, row_stats[0].to(at::kLong));
}

template <class T>
void build_hard(const OpSpec& op, const Operands&, Pipeline<T>& to) {
  to.problem.normalizer = kernels::NormalizerKind::hard;
  to.problem.normalizer_argument = static_cast<T>(op.at("temperature"));
}

/// Nothing to add outside of training.
template <class T>
std::unique_ptr<kernels::Modifier<T>> make_noise(const OpSpec&, const Operands& operands) {
  if (!operands.context.training) return nullptr;
  return std::make_unique<kernels::Gumbel<T>>(operands.context.seed);
}

}  // namespace

OpDefinition op_hard() {
  return {.kind = {OpKind::Role::normalizer,
                   "hard",
                   {{"temperature", 1, 1e-3, 1e3, false, "of the softmax whose gradient it takes"}},
                   "all weight on one key; a draw from the softmax in training"},
          .weights = hard_weights,
          .row_stats = hard_row_stats,
          .logsumexp = first_row_stat,
          .weights_from_row_stats = hard_from_row_stats,
          .build = {build_hard<float>, build_hard<double>},
          .modifier = {make_noise<float>, make_noise<double>}};
}

}  // namespace heed::ops
