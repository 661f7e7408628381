// Transformer blocks one after the other, as every encoder has them.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/normalization.h>

#include <string>

#include "heed/core/fields.h"
#include "heed/nn/choices.h"
#include "heed/nn/transformer_block.h"

namespace heed {

/// What the options of every encoder hold.
struct BlockStackOptions {
  int64_t width = 128;  ///< M
  int64_t layers = 2;   ///< 0: tokens stay as they are embedded
  int64_t hidden = 0;   ///< F of a feed-forward part; 0: 4 M
  nn::Norm norm = nn::Norm::pre;
  nn::Activation activation = nn::Activation::gelu;
  double dropout = 0.1;         ///< of branches and hidden values
  double stochastic_depth = 0;  ///< of the last block; grows linearly from 0
  nn::AttentionType attention_type = nn::AttentionType::softmax;
  Attention attention = Attention::parse("num_heads=4");
  LinearRule linear_rule = LinearRule::linear;  ///< of linear attention, see LinearAttention
  LinearFeature linear_feature = LinearFeature::elu;
  bool linear_normalize = true;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("width", width, "channels of a token; a multiple of attention.num_heads",
      between(1, kMostChannels));
    v("layers", layers, "Transformer blocks; 0: tokens stay as they are embedded",
      between(0, kMostLayers));
    v("hidden", hidden, "channels inside a block's feed-forward part; 0: four times width",
      between(0, kMostChannels));
    v("norm", norm, "pre or post: where a block normalises");
    v("activation", activation, "of feed-forward parts");
    v("dropout", dropout, "of branches and hidden values", from_to_below(0, 1));
    v("stochastic_depth", stochastic_depth,
      "probability that a record skips the last block; grows linearly from 0 at the first",
      from_to_below(0, 1));
    v("attention_type", attention_type,
      "softmax: `attention`, whatever its normalizer; linear: a state of fixed size, of which "
      "`attention` says heads, added position and causal");
    v("attention", attention, "of every block");
    if (attention_type != nn::AttentionType::linear) return;
    v("linear_rule", linear_rule, "how the state takes a token in; all but linear need causal");
    v("linear_feature", linear_feature, "what stands for queries and keys");
    if (linear_rule == LinearRule::linear)
      v("linear_normalize", linear_normalize, "whether weights of a query add up to 1");
  }
};

/// x (B, L, M) -> (B, L, M): `layers` blocks and, with pre-norm, a normalisation at the end (with 0
/// layers too). Stochastic depth of block i of n is i / (n - 1) of the option.
///
/// A member of the module that owns it, with which it registers its own modules: OWNER.layers.I.*
/// and OWNER.norm.*, or other names.
class BlockStack {
 public:
  struct Names {
    std::string layers = "layers", norm = "norm";
  };

  BlockStack() = default;
  /// `block` speaks of each block and, for stochastic depth, of the last one. An additive position
  /// is the owner's to add and left out of the blocks.
  BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block);
  BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block,
             const Names& names);

  /// What the options say of each block. Throws ModelError that names the field where `attention`
  /// says what linear attention cannot do.
  static nn::TransformerBlockOptions block(const BlockStackOptions& options);

  at::Tensor forward(at::Tensor x, const AttendInputs& inputs = {});

  torch::nn::ModuleList layers{nullptr};
  torch::nn::LayerNorm norm{nullptr};  ///< null for norm = post
};

}  // namespace heed
