// DistilBERT: https://huggingface.co/docs/transformers/model_doc/distilbert
//
// BERT's blocks under other names, without segments.
#include "pretrained/bert.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

/// config.json has no key for it.
constexpr double kEps = 1e-12;

BertConfig distilbert_config(Config& config) {
  const auto dropout = config.number("dropout", kDropouts, 0.1);
  const auto width = config.integer("dim", between(1, kMostChannels));
  // How the table of positions, which the file holds, began; DistilBERT's own were calculated.
  config.flag("sinusoidal_pos_embds", false);
  config.no_effect({"tie_weights_"});  // what is tied is decided by the file
  return {.vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
          .width = width,
          .layers = config.integer("n_layers", between(0, kMostLayers)),
          .heads = config.integer("n_heads", between(1, kMostChannels)),
          .hidden = config.integer("hidden_dim", between(1, kMostChannels)),
          .embedding_width = width,
          .positions = config.integer("max_position_embeddings", between(1, kMostLength)),
          .types = 0,
          .activation = activation_of(config, "activation", "gelu"),
          .dropout = dropout,
          .attention_dropout = config.number("attention_dropout", kDropouts, 0.1),
          .head_dropout = dropout,
          .eps = kEps};
}

void add_distilbert_tensors(TensorTable& tensors, const BertConfig& bert,
                            const std::string& prefix) {
  const int64_t M = bert.width, F = bert.hidden;
  const auto embeddings = prefix + "embeddings.";
  tensors.add("encoder.embedding", embeddings + "word_embeddings.weight", {bert.vocabulary, M});
  tensors.add("encoder.position.table", embeddings + "position_embeddings.weight",
              {bert.positions, M});
  tensors.norm("encoder.embedding_norm", embeddings + "LayerNorm", M);
  tensors.unused(embeddings + "position_ids");
  for (int64_t i = 0; i < bert.layers; ++i) {
    const auto ours = "encoder.layers." + std::to_string(i) + ".";
    const auto theirs = prefix + "transformer.layer." + std::to_string(i) + ".";
    const auto self = theirs + "attention.";
    tensors.stacked(ours + "attention.qkv",
                    {{self + "q_lin", M}, {self + "k_lin", M}, {self + "v_lin", M}}, M);
    tensors.linear(ours + "attention.output", self + "out_lin", M, M);
    tensors.norm(ours + "attention_norm", theirs + "sa_layer_norm", M);
    tensors.linear(ours + "feed_forward.up", theirs + "ffn.lin1", F, M);
    tensors.linear(ours + "feed_forward.down", theirs + "ffn.lin2", M, F);
    tensors.norm(ours + "feed_forward_norm", theirs + "output_layer_norm", M);
  }
}

void add_distilbert_masked_head(Plan& plan, const BertConfig& bert) {
  plan.recipe.table("head")
      .set("kind", "masked")
      .set("activation", bert.activation)
      .set("norm_eps", kEps);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(bert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "vocab_transform", bert.width, bert.width);
  plan.tensors.norm("head.norm", "vocab_layer_norm", bert.width);
  plan.tensors.add("head.bias", "vocab_projector.bias", {bert.vocabulary});
  plan.tensors.same("vocab_projector.weight", "distilbert.embeddings.word_embeddings.weight");
}

void add_distilbert_head(Plan& plan, const Given& given, const BertConfig& bert) {
  const int64_t M = bert.width;
  auto& config = given.config;
  auto& tensors = plan.tensors;
  const auto class_dropout = config.number("seq_classif_dropout", kDropouts, 0.2);
  const auto span_dropout = config.number("qa_dropout", kDropouts, 0.1);
  if (given.task == Task::masked) return add_distilbert_masked_head(plan, bert);
  if (given.task == Task::sequence_class) {
    const auto labels = add_label_head(plan, config, {.dense = {"relu"}, .dropout = class_dropout});
    tensors.linear("head.dense.linear", "pre_classifier", M, M);
    tensors.linear("head.linear", "classifier", labels, M);
  } else if (given.task == Task::token_class) {
    const auto tags = add_tags_head(plan, config, {}, bert.head_dropout);
    tensors.linear("head.linear", "classifier", tags, M);
  } else if (given.task == Task::answer_span) {
    add_spans_head(plan, {}, span_dropout);
    tensors.linear("head.linear", "qa_outputs", 2, M);
  } else {
    add_embedding_head(plan);
  }
}

Plan plan_distilbert(const Given& given) {
  Plan plan;
  const auto bert = distilbert_config(given.config);
  add_bert_recipe(plan, given.task, bert);
  add_distilbert_tensors(plan.tensors, bert, prefix_of(given.tensors, "distilbert."));
  add_distilbert_head(plan, given, bert);
  return plan;
}

}  // namespace

Architecture distilbert() {
  return {"distilbert",
          "DistilBert",
          {"Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
           "ForMaskedLM"},
          plan_distilbert};
}

}  // namespace heed::pretrained
