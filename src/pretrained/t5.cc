// T5 and T5 v1.1 (Raffel et al. 2020): https://huggingface.co/docs/transformers/model_doc/t5
//
// Scores are not scaled; distances have a table of their own in the first block of each stack, which
// the others share. Heads may be narrower than the model. Which matrix gives the logits is told by
// the file alone: transformers 5 writes tie_word_embeddings = true also where lm_head.weight is
// another.
#include <cmath>

#include "heed/core/fields.h"
#include "pretrained/decoder.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

struct T5Config {
  int64_t vocabulary, width, head_width, hidden, layers, decoder_layers, heads;
  int64_t buckets, distance;
  std::string activation;
  bool gated;
  double dropout, eps;
  bool scale_outputs;  ///< states by M^-0.5 before the logits
};

T5Config t5_config(Config& config) {
  const auto form = config.text("feed_forward_proj", "relu");
  const bool gated = form.starts_with("gated-");
  // "gated-gelu" is gelu_new, by an old name; the two keys below repeat it.
  const auto activation = gated ? form.substr(6) : form;
  config.no_effect({"dense_act_fn", "is_gated_act", "classifier_dropout", "n_positions"});
  config.only("is_decoder", "false", "a decoder alone");
  const auto layers = config.integer("num_layers", between(1, kMostLayers));
  const bool tied = config.flag("tie_word_embeddings", true);
  return {
      .vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
      .width = config.integer("d_model", between(1, kMostChannels)),
      .head_width = config.integer("d_kv", between(1, kMostChannels)),
      .hidden = config.integer("d_ff", between(1, kMostChannels)),
      .layers = layers,
      .decoder_layers = config.integer("num_decoder_layers", between(1, kMostLayers), layers),
      .heads = config.integer("num_heads", between(1, kMostChannels)),
      .buckets = config.integer("relative_attention_num_buckets", between(2, 1 << 16), 32),
      .distance = config.integer("relative_attention_max_distance", between(1, kMostLength), 128),
      .activation = form == "gated-gelu" ? "gelu_tanh"
                                         : activation_word(config, "feed_forward_proj", activation),
      .gated = gated,
      .dropout = config.number("dropout_rate", kDropouts, 0.1),
      .eps = config.number("layer_norm_epsilon", above(0, 1), 1e-6),
      .scale_outputs = config.flag("scale_decoder_outputs", tied)};
}

Attention t5_attention_of(const T5Config& t5, bool places, bool both) {
  Attention how;
  how.score = {"dot"};
  if (places) {
    how.position = {"relative",
                    {{"buckets", double(t5.buckets)}, {"distance", double(t5.distance)}}};
    if (!both) how.position.arguments.push_back({"both", 0.0});
  }
  how.num_heads = t5.heads;
  how.dropout = t5.dropout;
  return how;
}

void add_t5_recipe(Plan& plan, const T5Config& t5, bool tied) {
  auto writing = t5_attention_of(t5, true, false);
  writing.masks.push_back({"causal"});
  plan.recipe.table("input").set("kind", "parallel").set("share_vocabulary", true);
  add_tokenizer(plan, "input.source", t5.vocabulary);
  plan.recipe.table("head")
      .set("kind", "text")
      .set("encoder_layers", t5.layers)
      .set("decoder_layers", t5.decoder_layers)
      .set("width", t5.width)
      .set("hidden", t5.hidden)
      .set("head_width", t5.head_width)
      .set("norm", "pre")
      .set("norm_type", "rms")
      .set("norm_eps", t5.eps)
      .set("activation", t5.activation)
      .set("gated", t5.gated)
      .set("biases", std::vector<std::string>{})
      .set("dropout", t5.dropout)
      .set("tied", tied ? "all" : "none")
      .set("scale_embeddings", false)
      .set("shared_position", true)
      .set("output_scale", t5.scale_outputs ? 1 / std::sqrt(double(t5.width)) : 1.0)
      .set("encoder_attention", t5_attention_of(t5, true, true))
      .set("decoder_attention", writing)
      .set("cross_attention", t5_attention_of(t5, false, true));
}

void add_attention(TensorTable& tensors, const T5Config& t5, const std::string& ours,
                   const std::string& theirs) {
  const int64_t rows = t5.heads * t5.head_width, M = t5.width;
  tensors.stacked(
      ours + ".qkv",
      {{theirs + ".q", rows, false}, {theirs + ".k", rows, false}, {theirs + ".v", rows, false}},
      M);
  tensors.linear(ours + ".output", theirs + ".o", M, rows, false);
}

void add_feed_forward(TensorTable& tensors, const T5Config& t5, const std::string& ours,
                      const std::string& layer) {
  const int64_t M = t5.width, F = t5.hidden;
  const auto theirs = layer + ".DenseReluDense.";
  tensors.norm(ours + "feed_forward_norm", layer + ".layer_norm", M, false);
  if (t5.gated) {
    tensors.linear(ours + "feed_forward.gate", theirs + "wi_0", F, M, false);
    tensors.linear(ours + "feed_forward.up", theirs + "wi_1", F, M, false);
  } else {
    tensors.linear(ours + "feed_forward.up", theirs + "wi", F, M, false);
  }
  tensors.linear(ours + "feed_forward.down", theirs + "wo", M, F, false);
}

/// One of the two stacks: ours "head.encoder.", theirs "encoder.".
void add_t5_stack(TensorTable& tensors, const T5Config& t5, const std::string& name,
                  int64_t blocks) {
  const bool writes = name == "decoder";
  for (int64_t i = 0; i < blocks; ++i) {
    const auto ours = "head." + name + "." + std::to_string(i) + ".";
    const auto layer = name + ".block." + std::to_string(i) + ".layer.";
    tensors.norm(ours + "attention_norm", layer + "0.layer_norm", t5.width, false);
    add_attention(tensors, t5, ours + "attention", layer + "0.SelfAttention");
    if (i == 0)
      tensors.add({.ours = ours + "attention.relative_table",
                   .theirs = {{layer + "0.SelfAttention.relative_attention_bias.weight",
                               {t5.buckets, t5.heads}}},
                   .transpose = true});
    if (writes) {
      tensors.norm(ours + "cross_norm", layer + "1.layer_norm", t5.width, false);
      add_attention(tensors, t5, ours + "cross", layer + "1.EncDecAttention");
    }
    add_feed_forward(tensors, t5, ours, layer + (writes ? "2" : "1"));
  }
  tensors.norm("head." + name + "_norm", name + ".final_layer_norm", t5.width, false);
}

Plan plan_t5(const Given& given) {
  Plan plan;
  const auto t5 = t5_config(given.config);
  const std::string shared = "shared.weight", head = "lm_head.weight";
  const auto [embedding, tied] = tied_head(given, shared, head, true);
  const std::vector<int64_t> table{t5.vocabulary, t5.width};
  add_t5_recipe(plan, t5, tied);
  add_generation(plan, given);
  plan.tokenizer = "shared.tokenizer";
  plan.tensors.add("head.target_embedding", embedding, table);
  if (tied) {
    plan.tensors.same(head, embedding);
  } else {
    plan.tensors.add("head.source_embedding", embedding, table);
    plan.tensors.add("head.output", head, table);
  }
  for (const char* copy : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"})
    plan.tensors.same(copy, embedding);
  add_t5_stack(plan.tensors, t5, "encoder", t5.layers);
  add_t5_stack(plan.tensors, t5, "decoder", t5.decoder_layers);
  // A table that the first checkpoints hold and no code reads.
  plan.tensors.unused("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight");
  return plan;
}

}  // namespace

Architecture t5() { return {"t5", "T5", {"ForConditionalGeneration"}, plan_t5}; }

}  // namespace heed::pretrained
