// Scores by the inner product: dot (Luong et al. 2015) and scaled_dot (Vaswani et al. 2017).
#include "ops/word.h"

namespace heed::ops {
namespace {

double unscaled(const Part&, int64_t) { return 1; }

double scale(const Part& part, int64_t D) {
  const double given = part.at("scale");
  return given != 0 ? given : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(D, 1)));
}

at::Tensor dot_scores(const Part&, const at::Tensor& q, const at::Tensor& k) {
  return torch::matmul(q, k.transpose(-2, -1));
}

at::Tensor scaled_scores(const Part& part, const at::Tensor& q, const at::Tensor& k) {
  return torch::matmul(q, k.transpose(-2, -1)) * scale(part, q.size(-1));
}

}  // namespace

Definition word_dot() {
  return {.word = {Word::Kind::score, "dot", {}, "q . k"}, .scores = dot_scores, .scale = unscaled};
}

Definition word_scaled_dot() {
  return {.word = {Word::Kind::score,
                   "scaled_dot",
                   {{"scale", 0, 0, 1e6, false, "the factor; 0: 1/sqrt(D)"}},
                   "scale q . k"},
          .scores = scaled_scores,
          .scale = scale};
}

}  // namespace heed::ops
