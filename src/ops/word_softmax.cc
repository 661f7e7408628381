// w_ij = exp(s_ij) / sum_j exp(s_ij); the number a row is the log of that sum. A row that sees
// nothing (-inf everywhere) has zero weights, and passes no gradient.
#include <limits>

#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor weights(const at::Tensor& scores) {
  const auto blind = (scores == kMinusInfinity).all(-1, /*keepdim=*/true);
  return torch::softmax(scores.masked_fill(blind, 0), -1).masked_fill(blind, 0);
}

at::Tensor rows(const at::Tensor& scores) { return torch::logsumexp(scores.detach(), -1); }

at::Tensor weights_from_rows(const at::Tensor& scores, const at::Tensor& rows) {
  const auto lse = rows.unsqueeze(-1);
  return torch::exp(scores - lse).masked_fill(lse == kMinusInfinity, 0);
}

}  // namespace

Definition word_softmax() {
  return {.word = {Word::Kind::normalizer, "softmax", {}, "exp(score) over the sum of its row"},
          .weights = weights,
          .rows = rows,
          .weights_from_rows = weights_from_rows};
}

}  // namespace heed::ops
