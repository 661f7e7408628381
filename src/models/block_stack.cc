#include "heed/models/block_stack.h"

#include "core/text.h"
#include "heed/nn/positions.h"
#include "nn/linear.h"
#include "nn/model_memory.h"

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

}  // namespace

nn::TransformerBlockOptions BlockStack::block(const BlockStackOptions& options) {
  auto block = nn::TransformerBlockOptions(options.width)
                   .hidden(options.hidden ? options.hidden : 4 * options.width)
                   .attention(options.attention)
                   .norm(options.norm)
                   .activation(options.activation)
                   .dropout(options.dropout)
                   .stochastic_depth(options.stochastic_depth);
  if (options.attention_type == nn::AttentionType::linear) block.linear(linear_options(options));
  return block;
}

BlockStack::BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block)
    : BlockStack(owner, count, std::move(block), Names{}) {}

BlockStack::BlockStack(torch::nn::Module& owner, int64_t count, nn::TransformerBlockOptions block,
                       const Names& names) {
  if (nn::is_additive(block.attention().position)) block.attention().position = OpSpec{"none"};
  const double last = block.stochastic_depth();
  layers = owner.register_module(names.layers, torch::nn::ModuleList());
  for (int64_t i = 0; i < count; ++i) {
    const double depth = count > 1 ? double(i) / double(count - 1) : 1;
    layers->push_back(nn::TransformerBlock(block.stochastic_depth(last * depth)));
    if (i == 0) nn::check_repeated(*layers, count);
  }
  if (block.norm() == nn::Norm::pre)
    norm = owner.register_module(names.norm, nn::layer_norm(block.width(), block.bias()));
}

at::Tensor BlockStack::forward(at::Tensor x, const AttendInputs& inputs) {
  for (const auto& layer : *layers) x = layer->as<nn::TransformerBlockImpl>()->forward(x, inputs);
  return norm ? nn::normalise(norm, x) : x;
}

}  // namespace heed
