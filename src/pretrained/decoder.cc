#include "pretrained/decoder.h"

#include <algorithm>

#include "heed/core/fields.h"
#include "heed/data/chat_template.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

/// Windows that training cuts a text into, unless the recipe says otherwise.
constexpr int64_t kLongestContext = 1024;

Attention decoder_attention_of(const DecoderConfig& decoder, bool local) {
  Attention how;
  if (decoder.scale > 0) how.score = {"scaled_dot", {{"scale", decoder.scale}}};
  how.position = local ? decoder.local_rope : decoder.rope;
  if (decoder.softcap > 0) how.modifiers.push_back({"softcap", {{"cap", decoder.softcap}}});
  how.masks.push_back({"causal"});
  if (local)
    how.masks.push_back({"window", {{"left", double(decoder.window - 1)}, {"right", 0.0}}});
  how.num_heads = decoder.heads;
  if (decoder.kv_heads != decoder.heads) how.num_kv_heads = decoder.kv_heads;
  how.dropout = decoder.attention_dropout;
  return how;
}

std::vector<std::string> biases_of(const DecoderConfig& decoder) {
  std::vector<std::string> biases;
  if (decoder.qkv_bias) biases.push_back("qkv");
  if (decoder.output_bias) biases.push_back("attention_output");
  if (decoder.feed_forward_bias) biases.push_back("feed_forward");
  return biases;
}

void add_decoder_recipe(Plan& plan, const Given& given, const DecoderConfig& decoder, bool tied) {
  add_corpus_input(plan, given, decoder.vocabulary, decoder.positions);
  const bool all_local = std::ssize(decoder.local_layers) == decoder.layers;
  auto& recipe = plan.recipe.table("head")
                     .set("kind", "text")
                     .set("encoder_layers", int64_t{0})
                     .set("decoder_layers", decoder.layers)
                     .set("width", decoder.width)
                     .set("hidden", decoder.hidden)
                     .set("head_width", decoder.head_width)
                     .set("norm", decoder.sandwich ? "sandwich" : "pre")
                     .set("norm_type", "rms")
                     .set("norm_eps", decoder.eps)
                     .set("activation", decoder.activation)
                     .set("gated", true)
                     .set("biases", biases_of(decoder))
                     .set("dropout", 0.0)
                     .set("tied", tied ? "decoder" : "none")
                     .set("scale_embeddings", decoder.scale_embeddings)
                     .set("decoder_attention", decoder_attention_of(decoder, all_local))
                     .set("max_positions", decoder.positions);
  if (decoder.qk_norm) recipe.set("qk_norm", true);
  if (decoder.logit_softcap > 0) recipe.set("output_softcap", decoder.logit_softcap);
  if (!decoder.local_layers.empty() && !all_local)
    recipe.set("local_layers", decoder.local_layers)
        .set("local_attention", decoder_attention_of(decoder, true));
}

/// A norm without bias, stored less norm_add.
void add_norm(TensorTable& tensors, const DecoderConfig& decoder, const std::string& ours,
              const std::string& theirs, int64_t width) {
  tensors.add({.ours = ours + ".weight",
               .theirs = {{theirs + ".weight", {width}}},
               .add = decoder.norm_add});
}

void add_block(TensorTable& tensors, const DecoderConfig& decoder, const std::string& ours,
               const std::string& theirs) {
  const int64_t M = decoder.width, F = decoder.hidden, D = decoder.head_width;
  const int64_t queries = decoder.heads * D, keys = decoder.kv_heads * D;
  const auto self = theirs + "self_attn.";
  const bool bias = decoder.qkv_bias;
  add_norm(tensors, decoder, ours + "attention_norm", theirs + "input_layernorm", M);
  tensors.stacked(ours + "attention.qkv",
                  {{self + "q_proj", queries, bias},
                   {self + "k_proj", keys, bias},
                   {self + "v_proj", keys, bias}},
                  M);
  tensors.linear(ours + "attention.output", self + "o_proj", M, queries, decoder.output_bias);
  if (decoder.qk_norm) {
    add_norm(tensors, decoder, ours + "attention.query_norm", self + "q_norm", D);
    add_norm(tensors, decoder, ours + "attention.key_norm", self + "k_norm", D);
  }
  // What Llama calls post_attention_layernorm stands before the feed-forward part; Gemma's of that
  // name ends the attention.
  const auto middle = theirs + "post_attention_layernorm";
  if (decoder.sandwich) {
    add_norm(tensors, decoder, ours + "attention_post_norm", middle, M);
    add_norm(tensors, decoder, ours + "feed_forward_norm", theirs + "pre_feedforward_layernorm", M);
    add_norm(tensors, decoder, ours + "feed_forward_post_norm",
             theirs + "post_feedforward_layernorm", M);
  } else {
    add_norm(tensors, decoder, ours + "feed_forward_norm", middle, M);
  }
  tensors.linear(ours + "feed_forward.gate", theirs + "mlp.gate_proj", F, M,
                 decoder.feed_forward_bias);
  tensors.linear(ours + "feed_forward.up", theirs + "mlp.up_proj", F, M, decoder.feed_forward_bias);
  tensors.linear(ours + "feed_forward.down", theirs + "mlp.down_proj", M, F,
                 decoder.feed_forward_bias);
  tensors.unused(self + "rotary_emb.inv_freq");  // what rope says
}

}  // namespace

DecoderConfig decoder_config(Config& config, const std::string& activation_key,
                             const std::string& activation) {
  DecoderConfig decoder{
      .vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
      .width = config.integer("hidden_size", between(1, kMostChannels)),
      .layers = config.integer("num_hidden_layers", between(1, kMostLayers)),
      .heads = config.integer("num_attention_heads", between(1, kMostChannels)),
      .kv_heads = 0,
      .head_width = 0,
      .hidden = config.integer("intermediate_size", between(1, kMostChannels)),
      .positions = config.integer("max_position_embeddings", between(1, kMostLength)),
      .activation = activation_of(config, activation_key, activation),
      .eps = config.number("rms_norm_eps", above(0, 1), 1e-6),
      .attention_dropout = config.number("attention_dropout", kDropouts, 0)};
  decoder.kv_heads =
      config.integer("num_key_value_heads", between(1, kMostChannels), decoder.heads);
  decoder.head_width =
      config.integer("head_dim", between(1, kMostChannels), decoder.width / decoder.heads);
  if (decoder.heads % decoder.kv_heads != 0)
    config.refuse("num_key_value_heads",
                  "expected a divisor of num_attention_heads = ", decoder.heads, ", found ",
                  decoder.kv_heads);
  if (!config.has("head_dim") && decoder.width % decoder.heads != 0)
    config.refuse("num_attention_heads", "expected a divisor of hidden_size = ", decoder.width,
                  ", found ", decoder.heads);
  return decoder;
}

std::vector<int64_t> local_layers_of(Config& config, int64_t layers, bool (*otherwise)(int64_t)) {
  const auto types = config.texts("layer_types");
  if (!types.empty() && std::ssize(types) != layers)
    config.refuse("layer_types", "expected ", layers, " types, one a layer, found ", types.size());
  std::vector<int64_t> local;
  for (int64_t i = 0; i < layers; ++i) {
    const auto type = types.empty() ? otherwise(i) ? "sliding_attention" : "full_attention"
                                    : types[static_cast<size_t>(i)];
    if (type == "sliding_attention")
      local.push_back(i);
    else if (type != "full_attention")
      config.refuse("layer_types", "unknown '", type,
                    "'; known: full_attention, sliding_attention");
  }
  return local;
}

TiedHead tied_head(const Given& given, const std::string& embedding, const std::string& head,
                   bool tied_by_default) {
  const bool said = given.config.flag("tie_word_embeddings", tied_by_default);
  const at::Tensor *first = nullptr, *second = nullptr;
  for (const auto& [name, tensor] : given.tensors) {
    if (name == embedding) first = &tensor;
    if (name == head) second = &tensor;
  }
  if (!said && (!first || !second))
    given.config.refuse("tie_word_embeddings", "is false, and the weights have no ",
                        first ? head : embedding,
                        "; say true where both are one matrix, or fetch all weights");
  if (!second) return {embedding, true};
  if (!first) return {head, true};
  return {embedding, said && at::equal(*first, *second)};
}

void add_corpus_input(Plan& plan, const Given& given, int64_t rows, int64_t positions) {
  plan.recipe.table("input")
      .set("kind", "corpus")
      .set("context", std::min(positions, kLongestContext));
  if (data::ChatTemplate::is_in(given.others)) plan.recipe.set("chat", true);
  add_tokenizer(plan, "input.tokenizer", rows);
}

Plan plan_decoder(const Given& given, const DecoderConfig& decoder) {
  Plan plan;
  const auto prefix = prefix_of(given.tensors, "model.");
  const auto own = prefix + "embed_tokens.weight", head = std::string("lm_head.weight");
  const auto [embedding, tied] = tied_head(given, own, head, true);
  const std::vector<int64_t> table{decoder.vocabulary, decoder.width};
  add_decoder_recipe(plan, given, decoder, tied);
  add_generation(plan, given);
  plan.others["token_counts.json"] = no_counts(decoder.vocabulary) + "\n";
  plan.tensors.add("head.target_embedding", embedding, table);
  if (tied)
    plan.tensors.same(head, embedding);
  else
    plan.tensors.add("head.output", head, table);
  for (int64_t i = 0; i < decoder.layers; ++i)
    add_block(plan.tensors, decoder, "head.decoder." + std::to_string(i) + ".",
              prefix + "layers." + std::to_string(i) + ".");
  add_norm(plan.tensors, decoder, "head.decoder_norm", prefix + "norm", decoder.width);
  return plan;
}

}  // namespace heed::pretrained
