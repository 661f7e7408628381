// Transformer blocks one after the other, as every encoder has them.
#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/nn/choices.h"
#include "heed/nn/transformer_block.h"

namespace heed {

/// How the layers of a stack differ from each other.
struct StackLayers {
  bool first_norm = true;                  ///< see nn::TransformerBlockOptions::attention_norm
  bool shared_position = false;            ///< what the position learns is the first layer's
  int64_t layer_groups = 0;                ///< blocks that differ; 0: one a layer
  std::vector<int64_t> local_layers = {};  ///< which attend by `local_attention`
  Attention local_attention = {};

  bool operator==(const StackLayers&) const = default;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("first_norm", first_norm,
      "whether the first block normalises before it attends; false where embeddings are "
      "normalised");
    v("shared_position", shared_position,
      "whether what the position learns in the first block serves all of them");
    v("layer_groups", layer_groups,
      "blocks with parameters of their own, each run in equally many layers; 0: one a layer",
      between(0, kMostLayers));
    v("local_layers", local_layers, "blocks, from 0, that attend by `local_attention`",
      between(0, kMostLayers));
    if (!local_layers.empty())
      v("local_attention", local_attention, "of the local layers; no added position");
  }
};

/// Whether a layer is one of the local ones.
bool is_local(const std::vector<int64_t>& local_layers, int64_t layer);

/// What the options of every encoder hold.
struct BlockStackOptions : nn::BlockParts, StackLayers {
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
    v("norm", norm, "where a block normalises: pre, post, or sandwich: before and after a branch");
    v("activation", activation, "of feed-forward parts");
    nn::BlockParts::fields(v);
    v("dropout", dropout, "of branches and hidden values", from_to_below(0, 1));
    v("stochastic_depth", stochastic_depth,
      "probability that a record skips the last block; grows linearly from 0 at the first",
      from_to_below(0, 1));
    v("attention_type", attention_type,
      "softmax: `attention`, whatever its normalizer; linear: a state of fixed size, of which "
      "`attention` says heads, added position and causal");
    v("attention", attention, "of every block");
    StackLayers::fields(v);
    if (attention_type != nn::AttentionType::linear) return;
    v("linear_rule", linear_rule, "how the state takes a token in; all but linear need causal");
    v("linear_feature", linear_feature, "what stands for queries and keys");
    if (linear_rule == LinearRule::linear)
      v("linear_normalize", linear_normalize, "whether weights of a query add up to 1");
  }
};

/// x (B, L, M) -> (B, L, M): `layers` blocks and, unless post-norm, a normalisation at the end (with
/// 0 layers too). Stochastic depth of block i of n is i / (n - 1) of the option. With g layer_groups
/// layer i of n runs block floor(i g / n) (Lan et al. 2020: g = 1).
///
/// A member of the module that owns it, with which it registers its own modules: OWNER.layers.I.*
/// and OWNER.norm.*, or other names.
class BlockStack {
 public:
  struct Names {
    std::string layers = "layers", norm = "norm";
  };

  BlockStack() = default;
  /// options.layers blocks, or `count`. An additive position is the owner's to add and left out of
  /// the blocks. Throws ModelError that names the field where options do not fit each other.
  BlockStack(torch::nn::Module& owner, const BlockStackOptions& options);
  BlockStack(torch::nn::Module& owner, const BlockStackOptions& options, int64_t count);
  /// `block` speaks of each block and, for stochastic depth, of the last one.
  BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block,
             const StackLayers& differing, const Names& names);

  /// While a nn::PartedStacks lives (train.sequence_parallel), blocks are given this process' part of x, and what is returned is
  /// whole.
  at::Tensor forward(at::Tensor x, const AttendInputs& inputs = {});

  torch::nn::ModuleList layers{nullptr};  ///< as many as differ
  nn::RowNorm norm{nullptr};              ///< null for norm = post

 private:
  void share_position(int64_t layer);

  int64_t count_ = 0;
};

}  // namespace heed
