// GPT-2 (Radford et al. 2019): https://huggingface.co/docs/transformers/model_doc/gpt2
//
// Its layers keep their matrices the other way round, (in, out).
#include "heed/core/fields.h"
#include "pretrained/decoder.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

struct Gpt2Config {
  int64_t vocabulary, width, layers, heads, hidden, positions;
  std::string activation;
  double dropout, attention_dropout, eps;
};

Gpt2Config gpt2_config(Config& config) {
  const auto width = config.integer("n_embd", between(1, kMostChannels));
  const auto dropout = config.number("resid_pdrop", kDropouts, 0.1);
  config.only("scale_attn_weights", "true", "scores that are not divided by sqrt(D)");
  config.only("scale_attn_by_inverse_layer_idx", "false", "scores that are divided by the layer");
  config.only("add_cross_attention", "false", "a decoder that reads another model");
  config.no_effect({"reorder_and_upcast_attn"});  // in which dtype scores are computed
  config.no_effect({"summary_type", "summary_use_proj", "summary_activation",
                    "summary_proj_to_labels", "summary_first_dropout"});  // of GPT2DoubleHeadsModel
  config.no_effect({"embd_pdrop", "n_ctx"});  // Heed has one dropout; n_ctx repeats n_positions
  return {.vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
          .width = width,
          .layers = config.integer("n_layer", between(1, kMostLayers)),
          .heads = config.integer("n_head", between(1, kMostChannels)),
          .hidden = config.integer("n_inner", between(1, kMostChannels), 4 * width),
          .positions = config.integer("n_positions", between(1, kMostLength)),
          .activation = activation_of(config, "activation_function", "gelu_new"),
          .dropout = dropout,
          .attention_dropout = config.number("attn_pdrop", kDropouts, 0.1),
          .eps = config.number("layer_norm_epsilon", above(0, 1), 1e-5)};
}

void add_gpt2_recipe(Plan& plan, const Given& given, const Gpt2Config& gpt2, bool tied) {
  Attention how;
  how.position = {"learned", {{"length", double(gpt2.positions)}}};
  how.masks.push_back({"causal"});
  how.num_heads = gpt2.heads;
  how.dropout = gpt2.attention_dropout;
  add_corpus_input(plan, given, gpt2.vocabulary, gpt2.positions);
  plan.recipe.table("head")
      .set("kind", "text")
      .set("encoder_layers", int64_t{0})
      .set("decoder_layers", gpt2.layers)
      .set("width", gpt2.width)
      .set("hidden", gpt2.hidden)
      .set("norm", "pre")
      .set("norm_eps", gpt2.eps)
      .set("activation", gpt2.activation)
      .set("dropout", gpt2.dropout)
      .set("tied", tied ? "decoder" : "none")
      .set("scale_embeddings", false)
      .set("decoder_attention", how);
}

/// weight (in, out) and bias (out) of theirs.
void add_turned(TensorTable& tensors, const std::string& ours, const std::string& theirs,
                int64_t out, int64_t in) {
  tensors.add(
      {.ours = ours + ".weight", .theirs = {{theirs + ".weight", {in, out}}}, .transpose = true});
  tensors.add(ours + ".bias", theirs + ".bias", {out});
}

Plan plan_gpt2(const Given& given) {
  Plan plan;
  const auto gpt2 = gpt2_config(given.config);
  const int64_t M = gpt2.width;
  const auto prefix = prefix_of(given.tensors, "transformer.");
  const auto [embedding, tied] = tied_head(given, prefix + "wte.weight", "lm_head.weight", true);
  add_gpt2_recipe(plan, given, gpt2, tied);
  add_generation(plan, given);
  plan.others["token_counts.json"] = no_counts(gpt2.vocabulary) + "\n";
  auto& tensors = plan.tensors;
  tensors.add("head.target_embedding", embedding, {gpt2.vocabulary, M});
  if (tied)
    tensors.same("lm_head.weight", embedding);
  else
    tensors.add("head.output", "lm_head.weight", {gpt2.vocabulary, M});
  tensors.add("head.target_position.table", prefix + "wpe.weight", {gpt2.positions, M});
  for (int64_t i = 0; i < gpt2.layers; ++i) {
    const auto ours = "head.decoder." + std::to_string(i) + ".";
    const auto theirs = prefix + "h." + std::to_string(i) + ".";
    tensors.norm(ours + "attention_norm", theirs + "ln_1", M);
    add_turned(tensors, ours + "attention.qkv", theirs + "attn.c_attn", 3 * M, M);
    add_turned(tensors, ours + "attention.output", theirs + "attn.c_proj", M, M);
    tensors.norm(ours + "feed_forward_norm", theirs + "ln_2", M);
    add_turned(tensors, ours + "feed_forward.up", theirs + "mlp.c_fc", gpt2.hidden, M);
    add_turned(tensors, ours + "feed_forward.down", theirs + "mlp.c_proj", M, gpt2.hidden);
    tensors.unused(theirs + "attn.bias");         // which keys causal lets be seen
    tensors.unused(theirs + "attn.masked_bias");  // what others get as score
  }
  tensors.norm("head.decoder_norm", prefix + "ln_f", M);
  return plan;
}

}  // namespace

Architecture gpt2() { return {"gpt2", "GPT2", {"LMHeadModel"}, plan_gpt2}; }

}  // namespace heed::pretrained
