// ALBERT (Lan et al. 2020): https://huggingface.co/docs/transformers/model_doc/albert
//
// BERT's blocks whose weights are shared by all layers of a group; embeddings are narrower.
#include "pretrained/bert.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

struct AlbertConfig : BertConfig {
  int64_t groups;
};

AlbertConfig albert_config(Config& config) {
  AlbertConfig albert{
      {.vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
       .width = config.integer("hidden_size", between(1, kMostChannels)),
       .layers = config.integer("num_hidden_layers", between(1, kMostLayers)),
       .heads = config.integer("num_attention_heads", between(1, kMostChannels)),
       .hidden = config.integer("intermediate_size", between(1, kMostChannels)),
       .embedding_width = config.integer("embedding_size", between(1, kMostChannels)),
       .positions = config.integer("max_position_embeddings", between(1, kMostLength)),
       .types = config.integer("type_vocab_size", between(1, 1 << 16), 2),
       .activation = activation_of(config, "hidden_act", "gelu_new"),
       .dropout = config.number("hidden_dropout_prob", kDropouts, 0),
       .attention_dropout = config.number("attention_probs_dropout_prob", kDropouts, 0),
       .head_dropout = config.number("classifier_dropout_prob", kDropouts, 0.1),
       .eps = config.number("layer_norm_eps", above(0, 1), 1e-12)},
      config.integer("num_hidden_groups", between(1, kMostLayers), 1)};
  if (albert.layers % albert.groups != 0)
    config.refuse("num_hidden_groups", "expected a divisor of num_hidden_layers = ", albert.layers,
                  ", found ", albert.groups);
  config.only("inner_group_num", "1", "several blocks a layer");
  config.only("position_embedding_type", "\"absolute\"", "positions by distance");
  // Keys of TensorFlow's configs, whose code nothing reads any more.
  config.no_effect({"net_structure_type", "num_memory_blocks", "gap_size", "down_scale_factor"});
  return albert;
}

void add_albert_tensors(TensorTable& tensors, const AlbertConfig& albert,
                        const std::string& prefix) {
  const int64_t M = albert.width, F = albert.hidden, E = albert.embedding_width;
  const auto embeddings = prefix + "embeddings.";
  tensors.add("encoder.embedding", embeddings + "word_embeddings.weight", {albert.vocabulary, E});
  tensors.add("encoder.segment_embedding", embeddings + "token_type_embeddings.weight",
              {albert.types, E});
  tensors.add("encoder.position.table", embeddings + "position_embeddings.weight",
              {albert.positions, E});
  tensors.norm("encoder.embedding_norm", embeddings + "LayerNorm", E);
  tensors.unused(embeddings + "position_ids");
  tensors.unused(embeddings + "token_type_ids");
  tensors.linear("encoder.embedding_projection", prefix + "encoder.embedding_hidden_mapping_in", M,
                 E);
  for (int64_t i = 0; i < albert.groups; ++i) {
    const auto ours = "encoder.layers." + std::to_string(i) + ".";
    const auto theirs =
        prefix + "encoder.albert_layer_groups." + std::to_string(i) + ".albert_layers.0.";
    const auto self = theirs + "attention.";
    tensors.stacked(ours + "attention.qkv",
                    {{self + "query", M}, {self + "key", M}, {self + "value", M}}, M);
    tensors.linear(ours + "attention.output", self + "dense", M, M);
    tensors.norm(ours + "attention_norm", self + "LayerNorm", M);
    tensors.linear(ours + "feed_forward.up", theirs + "ffn", F, M);
    tensors.linear(ours + "feed_forward.down", theirs + "ffn_output", M, F);
    tensors.norm(ours + "feed_forward_norm", theirs + "full_layer_layer_norm", M);
  }
}

void add_albert_masked_head(Plan& plan, const AlbertConfig& albert) {
  const int64_t E = albert.embedding_width;
  plan.recipe.table("head")
      .set("kind", "masked")
      .set("activation", albert.activation)
      .set("norm_eps", albert.eps);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(albert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "predictions.dense", E, albert.width);
  plan.tensors.norm("head.norm", "predictions.LayerNorm", E);
  plan.tensors.add("head.bias", "predictions.bias", {albert.vocabulary});
  plan.tensors.same("predictions.decoder.bias", "predictions.bias");
  plan.tensors.same("predictions.decoder.weight", "albert.embeddings.word_embeddings.weight");
  plan.tensors.unused("sop_classifier.*");  // the order of sentences: AlbertForPreTraining's
  plan.tensors.unused("albert.pooler.*");   // which serves that alone
}

void add_albert_head(Plan& plan, const Given& given, const AlbertConfig& albert,
                     const std::string& prefix) {
  const int64_t M = albert.width;
  auto& tensors = plan.tensors;
  if (given.task == Task::masked) return add_albert_masked_head(plan, albert);
  if (given.task == Task::sequence_class) {
    const auto labels =
        add_label_head(plan, given.config, {.dense = {"tanh"}, .dropout = albert.head_dropout});
    tensors.linear("head.dense.linear", prefix + "pooler", M, M);
    tensors.linear("head.linear", "classifier", labels, M);
    return;
  }
  tensors.unused(prefix + "pooler.*");
  if (given.task == Task::token_class) {
    const auto tags = add_tags_head(plan, given.config, {}, albert.head_dropout);
    tensors.linear("head.linear", "classifier", tags, M);
  } else if (given.task == Task::answer_span) {
    add_spans_head(plan, {}, 0);
    tensors.linear("head.linear", "qa_outputs", 2, M);
  } else {
    add_embedding_head(plan);
    tensors.kept(prefix, "pooler.weight", {M, M});
    tensors.kept(prefix, "pooler.bias", {M});
  }
}

Plan plan_albert(const Given& given) {
  Plan plan;
  const auto albert = albert_config(given.config);
  const auto prefix = prefix_of(given.tensors, "albert.");
  add_bert_recipe(plan, given.task, albert);
  plan.recipe.set("layer_groups", albert.groups);
  // transformers projects embeddings that are as wide as the blocks, too.
  if (albert.embedding_width == albert.width) plan.recipe.set("embedding_width", albert.width);
  add_albert_tensors(plan.tensors, albert, prefix);
  add_albert_head(plan, given, albert, prefix);
  return plan;
}

}  // namespace

Architecture albert() {
  return {"albert",
          "Albert",
          {"Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
           "ForMaskedLM", "ForPreTraining"},
          plan_albert};
}

}  // namespace heed::pretrained
