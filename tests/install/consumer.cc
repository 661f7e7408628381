// Trains one step with the installed library; fails where the loss does not fall. With an argument
// it trains a tokenizer by SentencePiece, which the installed library must find.
#include <heed/data/tokenizer.h>
#include <heed/nn/multi_head_attention.h>
#include <torch/optim/sgd.h>

namespace {

int train_tokenizer() {
  int64_t left = 100;
  const auto lines = [&](std::string& line) {
    line = "the cat and the dog and the bird number " + std::to_string(left);
    return left-- > 0;
  };
  const auto tokenizer =
      heed::data::train_tokenizer({.kind = heed::data::TokenizerKind::bpe, .size = 40}, lines);
  return tokenizer->decode(tokenizer->encode("the bird")) == "the bird" ? 0 : 1;
}

}  // namespace

int main(int count, char**) {
  if (count > 1) return train_tokenizer();
  torch::manual_seed(1);
  const auto how = heed::Attention::parse("scaled_dot; rope; causal; num_heads=4/2");
  heed::nn::MultiHeadAttention layer(heed::nn::MultiHeadAttentionOptions(16).attention(how));
  torch::optim::SGD optimizer(layer->parameters(), 0.05);
  const auto x = torch::randn({2, 9, 16}), y = torch::randn({2, 9, 16});
  const auto before = torch::mse_loss(layer->forward(x), y);
  before.backward();
  optimizer.step();
  const auto after = torch::mse_loss(layer->forward(x), y);
  return after.item<float>() < before.item<float>() ? 0 : 1;
}
