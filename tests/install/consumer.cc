// Trains one step with the installed library; fails where the loss does not fall.
#include <heed/nn/multi_head_attention.h>
#include <torch/optim/sgd.h>

int main() {
  torch::manual_seed(1);
  const auto how = heed::Attention::parse("scaled_dot; rope; causal; heads=4/2");
  heed::nn::MultiHeadAttention layer(heed::nn::MultiHeadAttentionOptions(16).attention(how));
  torch::optim::SGD optimizer(layer->parameters(), 0.05);
  const auto x = torch::randn({2, 9, 16}), y = torch::randn({2, 9, 16});
  const auto before = torch::mse_loss(layer->forward(x), y);
  before.backward();
  optimizer.step();
  const auto after = torch::mse_loss(layer->forward(x), y);
  return after.item<float>() < before.item<float>() ? 0 : 1;
}
