// ELECTRA: https://huggingface.co/docs/transformers/model_doc/electra
//
// BERT's encoder, whose embeddings may be narrower. Its generator tells hidden words; its
// discriminator, which tells replaced ones, is read as an encoder alone.
#include "pretrained/bert.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

/// transformers' layers take gelu here, whatever hidden_act says.
constexpr const char* kHeadActivation = "gelu";

void add_electra_masked_head(Plan& plan, const BertConfig& bert) {
  const int64_t E = bert.embedding_width;
  plan.recipe.table("head")
      .set("kind", "masked")
      .set("activation", kHeadActivation)
      .set("norm_eps", bert.eps);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(bert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "generator_predictions.dense", E, bert.width);
  plan.tensors.norm("head.norm", "generator_predictions.LayerNorm", E);
  plan.tensors.add("head.bias", "generator_lm_head.bias", {bert.vocabulary});
  plan.tensors.same("generator_lm_head.weight", "electra.embeddings.word_embeddings.weight");
}

void add_electra_head(Plan& plan, const Given& given, const BertConfig& bert) {
  const int64_t M = bert.width;
  auto& tensors = plan.tensors;
  if (given.task == Task::masked) return add_electra_masked_head(plan, bert);
  if (given.task == Task::sequence_class) {
    const auto labels = add_label_head(plan, given.config,
                                       {.dense = {kHeadActivation}, .dropout = bert.head_dropout});
    tensors.linear("head.dense.linear", "classifier.dense", M, M);
    tensors.linear("head.linear", "classifier.out_proj", labels, M);
  } else if (given.task == Task::token_class) {
    const auto tags = add_tags_head(plan, given.config, {}, bert.head_dropout);
    tensors.linear("head.linear", "classifier", tags, M);
  } else if (given.task == Task::answer_span) {
    add_spans_head(plan, {}, 0);
    tensors.linear("head.linear", "qa_outputs", 2, M);
  } else {
    add_embedding_head(plan);
    tensors.unused("discriminator_predictions.*");  // ElectraForPreTraining's
  }
}

Plan plan_electra(const Given& given) {
  Plan plan;
  auto bert = bert_config(given.config);
  bert.embedding_width =
      given.config.integer("embedding_size", between(1, kMostChannels), bert.width);
  given.config.no_effect({"summary_type", "summary_use_proj", "summary_activation",
                          "summary_last_dropout"});  // of ElectraForMultipleChoice
  const auto prefix = prefix_of(given.tensors, "electra.");
  add_bert_recipe(plan, given.task, bert);
  add_bert_tensors(plan.tensors, bert, prefix);
  if (bert.embedding_width != bert.width)
    plan.tensors.linear("encoder.embedding_projection", prefix + "embeddings_project", bert.width,
                        bert.embedding_width);
  add_electra_head(plan, given, bert);
  return plan;
}

}  // namespace

Architecture electra() {
  return {"electra",
          "Electra",
          {"Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering",
           "ForMaskedLM", "ForPreTraining"},
          plan_electra};
}

}  // namespace heed::pretrained
