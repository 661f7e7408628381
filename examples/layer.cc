// An attention layer in a LibTorch model, and the maps that it leaves.
#include <iostream>

#include "heed/nn/multi_head_attention.h"
#include "heed/nn/recording.h"

int main() {
  const auto how = heed::Attention::parse("scaled_dot; rope; causal; num_heads=8/2; dropout=0.1");
  heed::nn::MultiHeadAttention layer(heed::nn::MultiHeadAttentionOptions(256).attention(how));
  layer->eval();

  // While it lives, the modules in it leave their maps.
  heed::Recording seen(*layer);
  const auto x = torch::randn({1, 100, 256});
  const auto y = layer->forward(x);

  std::cout << "y is " << y.sizes() << "; the weight that each key received, a row a head:\n"
            << seen.map(0).received() << '\n';
}
