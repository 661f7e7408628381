// A modifier of one's own that learns: scores fall with the logarithm of the distance, by a slope
// that each head finds. Its argument, where there is one, is the seed.
#include "heed/ops/score_mod.h"

#include <torch/optim/adam.h>

#include <cmath>
#include <iostream>
#include <string>

#include "heed/nn/multi_head_attention.h"

namespace {

/// s - slope_h log(1 + |distance|)
struct Decay final : heed::ScoreModOf<Decay> {
  std::vector<Learned> learns(const heed::OpSpec&, int64_t) const override { return {{"slope"}}; }

  template <class T>
  static T fall(const heed::ScoreTile<T>& s, int64_t i, int64_t j) {
    return std::log1p(static_cast<T>(std::abs(s.distance(i, j))));
  }

  template <class T>
  void forward_tile(const heed::ScoreTile<T>& s, const heed::ScoreModInputs<T>& given) const {
    const T slope = *given.parameters[0];
    for (int64_t j = 0; j < s.columns; ++j)
      for (int64_t i = 0; i < s.rows; ++i) s(i, j) -= slope * fall(s, i, j);
  }

  template <class T>
  void backward_tile(const heed::ScoreTile<T>& s, const heed::ScoreTile<T>& gradient,
                     const heed::ScoreModInputs<T>&, std::span<T* const> gradients) const {
    if (!gradients[0]) return;
    for (int64_t j = 0; j < s.columns; ++j)
      for (int64_t i = 0; i < s.rows; ++i) *gradients[0] -= gradient(i, j) * fall(s, i, j);
  }
};

}  // namespace

int main(int count, char** words) {
  heed::register_score_mod("decay", std::make_shared<Decay>());
  torch::manual_seed(count > 1 ? std::stoull(words[1]) : 1);
  const auto how = heed::Attention::parse("decay; causal; num_heads=2");
  heed::nn::MultiHeadAttention layer(heed::nn::MultiHeadAttentionOptions(16).attention(how));

  // To learn: the mean of a token and the three before it, which want near keys.
  const auto x = torch::randn({8, 64, 16});
  auto wanted = x.clone();
  for (int64_t back = 1; back < 4; ++back) wanted.slice(1, back) += x.slice(1, 0, 64 - back);
  wanted /= 4;

  torch::optim::Adam optimizer(layer->parameters(), 0.02);
  double first = 0, last = 0;
  for (int step = 0; step < 250; ++step) {
    optimizer.zero_grad();
    const auto loss = torch::mse_loss(layer->forward(x), wanted);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
    if (step % 50 == 0) std::cout << "step " << step << ": loss " << last << '\n';
  }
  std::cout << "loss " << first << " -> " << last << ", " << last / first << " of it; slopes\n"
            << layer->learned.at("decay.slope") << '\n';

  // Weights are seen as those of any attention.
  heed::Recording seen(*layer);
  layer->forward(x);
  std::cout << "what the last query looks at\n" << std::get<1>(seen.map(0).top_k(63, 4)) << '\n';
  return last < first / 3 ? 0 : 1;
}
