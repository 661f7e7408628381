#include "heed/models/block_stack.h"

#include <algorithm>

#include "core/text.h"
#include "heed/nn/positions.h"
#include "nn/block_parts.h"
#include "nn/checkpoint.h"
#include "nn/model_memory.h"
#include "nn/sequence_part.h"

namespace heed {
namespace {

void refuse_part(const char* field, const OpSpec& given, const char* expected) {
  if (given == OpSpec{expected}) return;
  throw ModelError(text_of("encoder.attention.", field, ": linear attention has none of its own, ",
                           "given '", given.name, "'; remove it or say attention_type = softmax"));
}

/// Of the attention value it takes heads, added positions and whether it is causal.
nn::LinearAttentionOptions linear_options(const BlockStackOptions& options) {
  const auto& how = options.attention;
  const Attention plain;
  refuse_part("score", how.score, plain.score.name.c_str());
  refuse_part("normalizer", how.normalizer, plain.normalizer.name.c_str());
  refuse_part("merge", how.merge, plain.merge.name.c_str());
  if (!nn::is_additive(how.position)) refuse_part("position", how.position, "none");
  if (!how.modifiers.empty()) refuse_part("modifiers", how.modifiers.front(), "none");
  for (const auto& mask : how.masks)
    if (mask.name != "key_lengths" || !mask.alternatives.empty())
      refuse_part("masks", mask, "causal");
  if (how.dropout != 0)
    throw ModelError(
        "encoder.attention.dropout: linear attention has no weights to drop; remove it");
  if (options.head_width != 0 || options.qk_norm || !options.has_bias("qkv") ||
      !options.has_bias("attention_output") || !options.local_layers.empty())
    throw ModelError(
        "encoder.attention_type: linear attention has heads of width / num_heads channels, biases "
        "and neither qk_norm nor local_layers; leave these keys out or say softmax");
  LinearAttention linear;
  linear.rule = options.linear_rule;
  linear.feature = options.linear_feature;
  linear.normalize = options.linear_rule == LinearRule::linear && options.linear_normalize;
  linear.causal = how.has_mask("causal");
  return nn::LinearAttentionOptions(options.width)
      .num_heads(how.num_heads)
      .num_kv_heads(how.num_kv_heads)
      .attention(linear);
}

nn::TransformerBlockOptions block_options(const BlockStackOptions& options) {
  auto block = nn::TransformerBlockOptions(options.width)
                   .hidden(options.hidden ? options.hidden : 4 * options.width)
                   .attention(options.attention)
                   .norm(options.norm)
                   .activation(options.activation)
                   .dropout(options.dropout)
                   .stochastic_depth(options.stochastic_depth)
                   .parts(options);
  if (options.attention_type == nn::AttentionType::linear) block.linear(linear_options(options));
  return block;
}

/// Of layer i of n.
nn::TransformerBlockOptions layer_options(nn::TransformerBlockOptions block,
                                          const StackLayers& layers, int64_t i, int64_t n) {
  const double depth = n > 1 ? double(i) / double(n - 1) : 1;
  block.stochastic_depth(block.stochastic_depth() * depth);
  if (is_local(layers.local_layers, i)) block.attention(layers.local_attention);
  return block.attention_norm(i > 0 || layers.first_norm)
      .shares_position(i > 0 && layers.shared_position);
}

void check_layers(const StackLayers& layers, const nn::TransformerBlockOptions& block,
                  int64_t count) {
  if (layers.layer_groups > count)
    throw ModelError(text_of("layer_groups: expected at most the layers, ", count, ", given ",
                             layers.layer_groups));
  const bool shared = layers.layer_groups > 0 && layers.layer_groups < count;
  if (shared && (!layers.local_layers.empty() || block.stochastic_depth() > 0))
    throw ModelError(
        "layer_groups: layers that share a block differ in nothing; remove local_layers and "
        "stochastic_depth, or layer_groups");
  if (!layers.first_norm && block.norm() == nn::Norm::post)
    throw ModelError("first_norm: false is for norm = pre or sandwich, given post");
  if (layers.shared_position && !layers.local_layers.empty())
    throw ModelError(
        "shared_position: layers of two attentions have no one position; remove "
        "local_layers or shared_position");
}

}  // namespace

bool is_local(const std::vector<int64_t>& local_layers, int64_t layer) {
  return std::find(local_layers.begin(), local_layers.end(), layer) != local_layers.end();
}

BlockStack::BlockStack(torch::nn::Module& owner, const BlockStackOptions& options)
    : BlockStack(owner, options, options.layers) {}

BlockStack::BlockStack(torch::nn::Module& owner, const BlockStackOptions& options, int64_t count)
    : BlockStack(owner, count, block_options(options), options, Names{}) {}

BlockStack::BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block,
                       const StackLayers& differing, const Names& names)
    : count_(count) {
  check_layers(differing, block, count);
  if (nn::is_additive(block.attention().position)) block.attention().position = OpSpec{"none"};
  layers = owner.register_module(names.layers, torch::nn::ModuleList());
  const int64_t own = differing.layer_groups ? differing.layer_groups : count;
  for (int64_t i = 0; i < own; ++i) {
    layers->push_back(nn::TransformerBlock(layer_options(block, differing, i, own)));
    if (i == 0) nn::check_repeated(*layers, own);
    if (i > 0 && differing.shared_position) share_position(i);
  }
  if (nn::is_before(block.norm()))
    norm = owner.register_module(names.norm, nn::norm_of(block.parts(), block.width()));
}

void BlockStack::share_position(int64_t i) {
  const auto attention_of = [&](int64_t layer) {
    return (*layers)[static_cast<size_t>(layer)]->as<nn::TransformerBlockImpl>()->attention;
  };
  attention_of(i)->share_position(*attention_of(0));
}

at::Tensor BlockStack::forward(at::Tensor x, const AttendInputs& inputs) {
  if (auto* ring = nn::PartedStacks::ring(); ring && count_ > 0) {
    const nn::SequencePart here(ring, x.size(1));
    const auto part = nn::SequencePart::here().part(x.size(1));
    return ops::ring_gather(*ring, forward(part.of(x, 1), inputs), x.size(1));
  }
  const auto own = static_cast<int64_t>(layers->size());
  for (int64_t i = 0; i < count_; ++i) {
    auto* block = layers[static_cast<size_t>(i * own / count_)]->as<nn::TransformerBlockImpl>();
    x = nn::checkpointed(*block, {x}, [block, inputs](const std::vector<at::Tensor>& given) {
      return block->forward(given[0], inputs);
    });
  }
  return norm ? norm->forward(x) : x;
}

}  // namespace heed
