// ModernBERT (Warner et al. 2024): https://huggingface.co/docs/transformers/model_doc/modernbert
//
// A pre-normalised encoder with rope and gated feed-forward parts. Every third layer sees all, the
// others a window, by a rope of their own. The first block has no norm before its attention, since
// embeddings end with one.
#include "heed/core/fields.h"
#include "pretrained/decoder.h"
#include "pretrained/heads.h"
#include "pretrained/rope.h"

namespace heed::pretrained {
namespace {

struct ModernBertConfig {
  int64_t vocabulary, width, layers, heads, hidden, positions, window;
  std::string activation, head_activation;
  double dropout, embedding_dropout, attention_dropout, head_dropout, eps;
  bool attention_bias, feed_forward_bias, norm_bias, head_bias, output_bias;
  std::string pool;
  OpSpec rope, local_rope;
  std::vector<int64_t> local_layers;
};

ModernBertConfig modernbert_config(Config& config) {
  ModernBertConfig bert{
      .vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
      .width = config.integer("hidden_size", between(1, kMostChannels)),
      .layers = config.integer("num_hidden_layers", between(1, kMostLayers)),
      .heads = config.integer("num_attention_heads", between(1, kMostChannels)),
      .hidden = config.integer("intermediate_size", between(1, kMostChannels)),
      .positions = config.integer("max_position_embeddings", between(1, kMostLength)),
      .window = config.integer("local_attention", between(0, kMostLength), 128) / 2,
      .activation = activation_of(config, "hidden_activation", "gelu"),
      .head_activation = activation_of(config, "classifier_activation", "gelu"),
      .dropout = config.number("mlp_dropout", kDropouts, 0),
      .embedding_dropout = config.number("embedding_dropout", kDropouts, 0),
      .attention_dropout = config.number("attention_dropout", kDropouts, 0),
      .head_dropout = config.number("classifier_dropout", kDropouts, 0),
      .eps = config.number("norm_eps", above(0, 1), 1e-5),
      .attention_bias = config.flag("attention_bias", false),
      .feed_forward_bias = config.flag("mlp_bias", false),
      .norm_bias = config.flag("norm_bias", false),
      .head_bias = config.flag("classifier_bias", false),
      .output_bias = config.flag("decoder_bias", true),
      .pool = config.text("classifier_pooling", "cls"),
      .rope = {},
      .local_rope = {},
      .local_layers = {}};
  const auto ropes = read_ropes(config,
                                {{.layers = "full_attention", .old_theta = "global_rope_theta"},
                                 {.layers = "sliding_attention", .old_theta = "local_rope_theta"}},
                                bert.positions);
  bert.rope = ropes[0], bert.local_rope = ropes[1];
  const auto every = config.integer("global_attn_every_n_layers", between(1, kMostLayers), 3);
  if (config.has("layer_types")) {
    bert.local_layers = local_layers_of(config, bert.layers, nullptr);
  } else {
    for (int64_t i = 0; i < bert.layers; ++i)
      if (i % every != 0) bert.local_layers.push_back(i);
  }
  if (bert.pool != "cls" && bert.pool != "mean")
    config.refuse("classifier_pooling", "unknown '", bert.pool, "'; known: cls, mean");
  // How its losses are computed, and which of its kernels do it.
  config.no_effect({"sparse_prediction", "sparse_pred_ignore_index", "repad_logits_with_grad",
                    "layer_norm_eps", "position_embedding_type"});
  return bert;
}

Attention modernbert_attention_of(const ModernBertConfig& bert, bool local) {
  Attention how;
  how.position = local ? bert.local_rope : bert.rope;
  if (local)
    how.masks.push_back(
        {"window", {{"left", double(bert.window)}, {"right", double(bert.window)}}});
  how.num_heads = bert.heads;
  how.dropout = bert.attention_dropout;
  return how;
}

void add_modernbert_recipe(Plan& plan, const ModernBertConfig& bert, Task task) {
  std::vector<std::string> biases;
  if (bert.attention_bias) biases = {"qkv", "attention_output"};
  if (bert.feed_forward_bias) biases.push_back("feed_forward");
  if (bert.norm_bias) biases.push_back("norm");
  add_text_input(plan, task, bert.vocabulary, bert.positions);
  plan.recipe.table("encoder")
      .set("kind", "text")
      .set("width", bert.width)
      .set("layers", bert.layers)
      .set("hidden", bert.hidden)
      .set("norm", "pre")
      .set("norm_eps", bert.eps)
      .set("first_norm", false)
      .set("activation", bert.activation)
      .set("gated", true)
      .set("biases", biases)
      .set("dropout", bert.dropout)
      .set("attention", modernbert_attention_of(bert, false))
      .set("embedding_dropout", bert.embedding_dropout)
      .set("embedding_norm", true)
      .set("segment_types", int64_t{-1})
      .set("max_positions", bert.positions);
  if (!bert.local_layers.empty())
    plan.recipe.set("local_layers", bert.local_layers)
        .set("local_attention", modernbert_attention_of(bert, true));
}

void add_modernbert_tensors(TensorTable& tensors, const ModernBertConfig& bert,
                            const std::string& prefix) {
  const int64_t M = bert.width, F = bert.hidden;
  const bool bias = bert.norm_bias;
  tensors.add("encoder.embedding", prefix + "embeddings.tok_embeddings.weight",
              {bert.vocabulary, M});
  tensors.norm("encoder.embedding_norm", prefix + "embeddings.norm", M, bias);
  for (int64_t i = 0; i < bert.layers; ++i) {
    const auto ours = "encoder.layers." + std::to_string(i) + ".";
    const auto theirs = prefix + "layers." + std::to_string(i) + ".";
    if (i > 0) tensors.norm(ours + "attention_norm", theirs + "attn_norm", M, bias);
    tensors.linear(ours + "attention.qkv", theirs + "attn.Wqkv", 3 * M, M, bert.attention_bias);
    tensors.linear(ours + "attention.output", theirs + "attn.Wo", M, M, bert.attention_bias);
    tensors.norm(ours + "feed_forward_norm", theirs + "mlp_norm", M, bias);
    // Wi is what goes through the activation, then what it is multiplied with.
    tensors.part(ours + "feed_forward.gate", theirs + "mlp.Wi", {0, F}, 2 * F, M,
                 bert.feed_forward_bias);
    tensors.part(ours + "feed_forward.up", theirs + "mlp.Wi", {F, 2 * F}, 2 * F, M,
                 bert.feed_forward_bias);
    tensors.linear(ours + "feed_forward.down", theirs + "mlp.Wo", M, F, bert.feed_forward_bias);
  }
  tensors.norm("encoder.norm", prefix + "final_norm", M, bias);
}

void add_modernbert_masked_head(Plan& plan, const ModernBertConfig& bert) {
  std::vector<std::string> biases;
  if (bert.head_bias) biases.push_back("transform");
  if (bert.norm_bias) biases.push_back("norm");
  if (bert.output_bias) biases.push_back("output");
  plan.recipe.table("head")
      .set("kind", "masked")
      .set("activation", bert.head_activation)
      .set("norm_eps", bert.eps)
      .set("biases", biases);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(bert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "head.dense", bert.width, bert.width, bert.head_bias);
  plan.tensors.norm("head.norm", "head.norm", bert.width, bert.norm_bias);
  if (bert.output_bias) plan.tensors.add("head.bias", "decoder.bias", {bert.vocabulary});
  plan.tensors.same("decoder.weight", "model.embeddings.tok_embeddings.weight");
}

void add_modernbert_head(Plan& plan, const Given& given, const ModernBertConfig& bert) {
  auto& tensors = plan.tensors;
  if (given.task == Task::masked) return add_modernbert_masked_head(plan, bert);
  if (given.task == Task::states) return add_embedding_head(plan);
  const DenseLayer dense{.activation = bert.head_activation,
                         .bias = bert.head_bias,
                         .norm = true,
                         .norm_bias = bert.norm_bias,
                         .norm_eps = bert.eps};
  int64_t outputs = 2;
  if (given.task == Task::sequence_class)
    outputs = add_label_head(plan, given.config,
                             {.pool = bert.pool == "cls" ? "first" : "mean",
                              .dense = dense,
                              .dropout = bert.head_dropout});
  else if (given.task == Task::token_class)
    outputs = add_tags_head(plan, given.config, dense, bert.head_dropout);
  else
    add_spans_head(plan, dense, bert.head_dropout);
  tensors.linear("head.dense.linear", "head.dense", bert.width, bert.width, bert.head_bias);
  tensors.norm("head.dense.norm", "head.norm", bert.width, bert.norm_bias);
  tensors.linear("head.linear", "classifier", outputs, bert.width);
}

Plan plan_modernbert(const Given& given) {
  Plan plan;
  const auto bert = modernbert_config(given.config);
  add_modernbert_recipe(plan, bert, given.task);
  add_modernbert_tensors(plan.tensors, bert, prefix_of(given.tensors, "model."));
  add_modernbert_head(plan, given, bert);
  return plan;
}

}  // namespace

Architecture modernbert() {
  return {"modernbert",
          "ModernBert",
          {"Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification",
           "ForQuestionAnswering"},
          plan_modernbert};
}

}  // namespace heed::pretrained
