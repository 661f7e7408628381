// BERT: https://huggingface.co/docs/transformers/model_doc/bert
#include "pretrained/bert.h"

#include "heed/core/fields.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

Attention bert_attention(const BertConfig& bert, int64_t first_position) {
  Attention how;
  how.position = {"learned", {{"length", double(bert.positions)}}};
  if (first_position > 0) how.position.arguments.push_back({"first", double(first_position)});
  how.num_heads = bert.heads;
  how.dropout = bert.attention_dropout;
  return how;
}

void add_bert_masked_head(Plan& plan, const BertConfig& bert) {
  plan.recipe.table("head")
      .set("kind", "masked")
      .set("activation", bert.activation)
      .set("norm_eps", bert.eps);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(bert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "cls.predictions.transform.dense", bert.width, bert.width);
  plan.tensors.norm("head.norm", "cls.predictions.transform.LayerNorm", bert.width);
  plan.tensors.add("head.bias", "cls.predictions.bias", {bert.vocabulary});
  plan.tensors.same("cls.predictions.decoder.bias", "cls.predictions.bias");
  plan.tensors.same("cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight");
  plan.tensors.unused("cls.seq_relationship.*");  // whether a text follows: BertForPreTraining's
  plan.tensors.unused("bert.pooler.*");           // which serves that alone
}

void add_bert_head(Plan& plan, const Given& given, const BertConfig& bert,
                   const std::string& prefix) {
  const int64_t M = bert.width;
  auto& tensors = plan.tensors;
  if (given.task == Task::masked) return add_bert_masked_head(plan, bert);
  if (given.task == Task::sequence_class) {
    const auto labels =
        add_label_head(plan, given.config, {.dense = {"tanh"}, .dropout = bert.head_dropout});
    tensors.linear("head.dense.linear", prefix + "pooler.dense", M, M);
    tensors.linear("head.linear", "classifier", labels, M);
    return;
  }
  tensors.unused(prefix + "pooler.*");  // of the classes of whole texts
  if (given.task == Task::token_class) {
    const auto tags = add_tags_head(plan, given.config, {}, bert.head_dropout);
    tensors.linear("head.linear", "classifier", tags, M);
  } else if (given.task == Task::answer_span) {
    add_spans_head(plan, {}, 0);
    tensors.linear("head.linear", "qa_outputs", 2, M);
  } else {
    add_embedding_head(plan);
    tensors.kept(prefix, "pooler.dense.weight", {M, M});
    tensors.kept(prefix, "pooler.dense.bias", {M});
  }
}

Plan plan_bert(const Given& given) {
  Plan plan;
  const auto bert = bert_config(given.config);
  const auto prefix = prefix_of(given.tensors, "bert.");
  add_bert_recipe(plan, given.task, bert);
  add_bert_tensors(plan.tensors, bert, prefix);
  add_bert_head(plan, given, bert, prefix);
  return plan;
}

}  // namespace

BertConfig bert_config(Config& config) {
  BertConfig bert{
      .vocabulary = config.integer("vocab_size", between(1, 1 << 24)),
      .width = config.integer("hidden_size", between(1, kMostChannels)),
      .layers = config.integer("num_hidden_layers", between(0, kMostLayers)),
      .heads = config.integer("num_attention_heads", between(1, kMostChannels)),
      .hidden = config.integer("intermediate_size", between(1, kMostChannels)),
      .embedding_width = 0,
      .positions = config.integer("max_position_embeddings", between(1, kMostLength)),
      .types = config.integer("type_vocab_size", between(1, 1 << 16), 2),
      .activation = activation_of(config, "hidden_act", "gelu"),
      .dropout = config.number("hidden_dropout_prob", kDropouts, 0.1),
      .attention_dropout = config.number("attention_probs_dropout_prob", kDropouts, 0.1),
      .head_dropout = 0,
      .eps = config.number("layer_norm_eps", above(0, 1), 1e-12)};
  bert.embedding_width = bert.width;
  bert.head_dropout = config.number("classifier_dropout", kDropouts, bert.dropout);
  config.only("position_embedding_type", "\"absolute\"", "positions by distance");
  config.only("is_decoder", "false", "a decoder");
  config.only("add_cross_attention", "false", "a decoder that reads another model");
  // MiniLM's configs have these of BERT's first checkpoints, whose code nothing reads any more.
  config.no_effect({"directionality", "pooler_fc_size", "pooler_num_attention_heads",
                    "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"});
  return bert;
}

void add_bert_recipe(Plan& plan, Task task, const BertConfig& bert, int64_t first_position) {
  add_text_input(plan, task, bert.vocabulary, bert.positions - first_position);
  plan.recipe.table("encoder")
      .set("kind", "text")
      .set("width", bert.width)
      .set("layers", bert.layers)
      .set("hidden", bert.hidden)
      .set("norm", "post")
      .set("norm_eps", bert.eps)
      .set("activation", bert.activation)
      .set("dropout", bert.dropout)
      .set("attention", bert_attention(bert, first_position))
      .set("embedding_dropout", bert.dropout)
      .set("embedding_norm", true);
  // Pairs are not told apart by a model without such a table.
  plan.recipe.set("segment_types", bert.types > 0 ? bert.types : int64_t{-1});
  if (bert.embedding_width != bert.width) plan.recipe.set("embedding_width", bert.embedding_width);
}

void add_bert_tensors(TensorTable& tensors, const BertConfig& bert, const std::string& prefix) {
  const int64_t M = bert.width, F = bert.hidden, E = bert.embedding_width;
  const auto embeddings = prefix + "embeddings.";
  tensors.add("encoder.embedding", embeddings + "word_embeddings.weight", {bert.vocabulary, E});
  tensors.add("encoder.segment_embedding", embeddings + "token_type_embeddings.weight",
              {bert.types, E});
  tensors.add("encoder.position.table", embeddings + "position_embeddings.weight",
              {bert.positions, E});
  tensors.norm("encoder.embedding_norm", embeddings + "LayerNorm", E);
  tensors.unused(embeddings + "position_ids");    // 0, 1, 2, ...
  tensors.unused(embeddings + "token_type_ids");  // zeros
  for (int64_t i = 0; i < bert.layers; ++i) {
    const auto ours = "encoder.layers." + std::to_string(i) + ".";
    const auto theirs = prefix + "encoder.layer." + std::to_string(i) + ".";
    const auto self = theirs + "attention.self.";
    tensors.stacked(ours + "attention.qkv",
                    {{self + "query", M}, {self + "key", M}, {self + "value", M}}, M);
    tensors.linear(ours + "attention.output", theirs + "attention.output.dense", M, M);
    tensors.norm(ours + "attention_norm", theirs + "attention.output.LayerNorm", M);
    tensors.linear(ours + "feed_forward.up", theirs + "intermediate.dense", F, M);
    tensors.linear(ours + "feed_forward.down", theirs + "output.dense", M, F);
    tensors.norm(ours + "feed_forward_norm", theirs + "output.LayerNorm", M);
  }
}

Architecture bert() {
  return {"bert",
          "Bert",
          {"Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
           "ForMaskedLM", "ForPreTraining"},
          plan_bert};
}

}  // namespace heed::pretrained
