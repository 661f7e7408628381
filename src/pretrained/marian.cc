// Marian (Junczys-Dowmunt et al. 2018): https://huggingface.co/docs/transformers/model_doc/marian
//
// The Transformer of 2017, post-normalised, with positions that are calculated, sines before cosines.
// Writing begins with padding. Texts are cut by source.spm and target.spm, one for each side, and vocab.json
// has the numbers of both sides' pieces; where a folder has a tokenizer.json, that.
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "heed/data/tokenizer.h"
#include "pretrained/decoder.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

struct MarianConfig {
  int64_t vocabulary, width, layers, decoder_layers, heads, decoder_heads, hidden, positions;
  std::string activation;
  double dropout, attention_dropout;
  bool scale_embeddings, shared;
};

MarianConfig marian_config(Config& config) {
  const auto hidden = config.integer("encoder_ffn_dim", between(1, kMostChannels));
  const auto vocabulary = config.integer("vocab_size", between(1, 1 << 24));
  config.only("decoder_ffn_dim", std::to_string(hidden), "a decoder of another hidden width");
  config.only("decoder_vocab_size", std::to_string(vocabulary), "a vocabulary for each side");
  config.only("normalize_before", "false", "a pre-normalised model");
  config.only("normalize_embedding", "false", "embeddings that are normalised");
  config.only("add_final_layer_norm", "false", "stacks that end with a norm");
  config.only("add_bias_logits", "false", "another bias of the logits");
  config.only("static_position_embeddings", "true", "positions that are learned");
  config.only("extra_pos_embeddings", "0", "rows before the first position");
  // Of training alone, and what repeats another key.
  config.no_effect({"encoder_layerdrop", "decoder_layerdrop", "activation_dropout",
                    "classifier_dropout", "classif_dropout", "num_hidden_layers", "is_decoder"});
  return {.vocabulary = vocabulary,
          .width = config.integer("d_model", between(1, kMostChannels)),
          .layers = config.integer("encoder_layers", between(1, kMostLayers)),
          .decoder_layers = config.integer("decoder_layers", between(1, kMostLayers)),
          .heads = config.integer("encoder_attention_heads", between(1, kMostChannels)),
          .decoder_heads = config.integer("decoder_attention_heads", between(1, kMostChannels)),
          .hidden = hidden,
          .positions = config.integer("max_position_embeddings", between(1, kMostLength), 1024),
          .activation = activation_of(config, "activation_function", "gelu"),
          .dropout = config.number("dropout", kDropouts, 0.1),
          .attention_dropout = config.number("attention_dropout", kDropouts, 0),
          .scale_embeddings = config.flag("scale_embedding", false),
          .shared = config.flag("share_encoder_decoder_embeddings", true)};
}

Attention marian_attention_of(const MarianConfig& marian, int64_t heads, bool places) {
  Attention how;
  if (places) how.position = {"sinusoidal", {{"halves", 1.0}}};
  how.num_heads = heads;
  how.dropout = marian.attention_dropout;
  return how;
}

/// The tokenizers of both sides; false where the folder has none of theirs.
bool add_marian_tokenizers(Plan& plan, const std::map<std::string, std::string>& files) {
  if (files.contains("tokenizer.json") || !files.contains("source.spm")) return false;
  for (const char* name : kMarianFiles)
    if (!files.contains(name))
      throw ModelError(std::string("the folder has source.spm and lacks ") + name +
                       "; a tokenizer of Marian is source.spm, target.spm and vocab.json: fetch "
                       "it, too");
  for (const char* side : {"source", "target"}) {
    plan.others[std::string(side) + ".tokenizer"] =
        data::marian_tokenizer_file(files.at("vocab.json"), files.at(std::string(side) + ".spm"));
    plan.recipe.table(std::string("input.") + side).set("kind", "marian");
  }
  return true;
}

void add_marian_recipe(Plan& plan, const MarianConfig& marian) {
  auto writing = marian_attention_of(marian, marian.decoder_heads, true);
  writing.masks.push_back({"causal"});
  plan.recipe.table("input")
      .set("kind", "parallel")
      .set("max_source_length", marian.positions)
      .set("max_target_length", marian.positions);
  plan.recipe.table("head")
      .set("kind", "text")
      .set("encoder_layers", marian.layers)
      .set("decoder_layers", marian.decoder_layers)
      .set("width", marian.width)
      .set("hidden", marian.hidden)
      .set("norm", "post")
      .set("activation", marian.activation)
      .set("dropout", marian.dropout)
      .set("tied", marian.shared ? "all" : "decoder")
      .set("scale_embeddings", marian.scale_embeddings)
      .set("output_bias", true)
      .set("max_positions", marian.positions)
      .set("encoder_attention", marian_attention_of(marian, marian.heads, true))
      .set("decoder_attention", writing)
      .set("cross_attention", marian_attention_of(marian, marian.decoder_heads, false));
}

void add_marian_stack(TensorTable& tensors, const MarianConfig& marian, const std::string& name,
                      int64_t blocks) {
  const int64_t M = marian.width, F = marian.hidden;
  const auto attention = [&](const std::string& ours, const std::string& theirs) {
    tensors.stacked(ours + ".qkv",
                    {{theirs + ".q_proj", M}, {theirs + ".k_proj", M}, {theirs + ".v_proj", M}}, M);
    tensors.linear(ours + ".output", theirs + ".out_proj", M, M);
  };
  for (int64_t i = 0; i < blocks; ++i) {
    const auto ours = "head." + name + "." + std::to_string(i) + ".";
    const auto theirs = "model." + name + ".layers." + std::to_string(i) + ".";
    attention(ours + "attention", theirs + "self_attn");
    tensors.norm(ours + "attention_norm", theirs + "self_attn_layer_norm", M);
    if (name == "decoder") {
      attention(ours + "cross", theirs + "encoder_attn");
      tensors.norm(ours + "cross_norm", theirs + "encoder_attn_layer_norm", M);
    }
    tensors.linear(ours + "feed_forward.up", theirs + "fc1", F, M);
    tensors.linear(ours + "feed_forward.down", theirs + "fc2", M, F);
    tensors.norm(ours + "feed_forward_norm", theirs + "final_layer_norm", M);
  }
  tensors.unused("model." + name + ".embed_positions.weight");  // which are calculated
}

Plan plan_marian(const Given& given) {
  Plan plan;
  const auto marian = marian_config(given.config);
  const int64_t V = marian.vocabulary, M = marian.width;
  add_marian_recipe(plan, marian);
  if (!add_marian_tokenizers(plan, given.others)) {
    plan.recipe.table("input").set("share_vocabulary", true);
    add_tokenizer(plan, "input.source", V);
  }
  add_generation(plan, given);
  plan.tokenizer = "shared.tokenizer";
  auto& tensors = plan.tensors;
  const std::string source = "model.encoder.embed_tokens.weight",
                    target = "model.decoder.embed_tokens.weight";
  if (marian.shared) {
    const std::string shared = "model.shared.weight";
    tensors.add("head.target_embedding", shared, {V, M});
    for (const auto& copy : {source, target, std::string("lm_head.weight")})
      tensors.same(copy, shared);
  } else {
    tensors.add("head.source_embedding", source, {V, M});
    tensors.add("head.target_embedding", target, {V, M});
    tensors.same("lm_head.weight", target);
  }
  tensors.add(
      {.ours = "head.output_bias", .theirs = {{"final_logits_bias", {1, V}}}, .shape = {V}});
  add_marian_stack(tensors, marian, "encoder", marian.layers);
  add_marian_stack(tensors, marian, "decoder", marian.decoder_layers);
  return plan;
}

}  // namespace

Architecture marian() { return {"marian", "Marian", {"MTModel"}, plan_marian}; }

}  // namespace heed::pretrained
