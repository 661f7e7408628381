// RoBERTa and XLM-RoBERTa: https://huggingface.co/docs/transformers/model_doc/roberta
//
// BERT's encoder. A text's first position is padding's number + 1, so the table's rows before it are
// never used.
#include "pretrained/bert.h"
#include "pretrained/heads.h"

namespace heed::pretrained {
namespace {

void add_roberta_masked_head(Plan& plan, const BertConfig& bert) {
  plan.recipe.table("head").set("kind", "masked").set("norm_eps", bert.eps);
  plan.others["unigram.json"] = "{\"counts\": " + no_counts(bert.vocabulary) + "}\n";
  plan.tensors.linear("head.transform", "lm_head.dense", bert.width, bert.width);
  plan.tensors.norm("head.norm", "lm_head.layer_norm", bert.width);
  plan.tensors.add("head.bias", "lm_head.bias", {bert.vocabulary});
  plan.tensors.same("lm_head.decoder.bias", "lm_head.bias");
  plan.tensors.same("lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight");
  plan.tensors.unused("roberta.pooler.*");
}

void add_roberta_head(Plan& plan, const Given& given, const BertConfig& bert,
                      const std::string& prefix) {
  const int64_t M = bert.width;
  auto& tensors = plan.tensors;
  if (given.task == Task::masked) return add_roberta_masked_head(plan, bert);
  tensors.unused(prefix + "pooler.*");  // no head goes through it
  if (given.task == Task::sequence_class) {
    const auto labels =
        add_label_head(plan, given.config, {.dense = {"tanh"}, .dropout = bert.head_dropout});
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
    tensors.kept(prefix, "pooler.dense.weight", {M, M});
    tensors.kept(prefix, "pooler.dense.bias", {M});
  }
}

Plan plan_roberta(const Given& given) {
  Plan plan;
  const auto padding = given.config.integer("pad_token_id", between(0, kMostLength), 1);
  const auto bert = bert_config(given.config);
  const auto prefix = prefix_of(given.tensors, "roberta.");
  if (bert.positions <= padding + 1)
    given.config.refuse("max_position_embeddings",
                        "expected more than pad_token_id + 1 = ", padding + 1,
                        ", where positions begin, found ", bert.positions);
  add_bert_recipe(plan, given.task, bert, padding + 1);
  add_bert_tensors(plan.tensors, bert, prefix);
  add_roberta_head(plan, given, bert, prefix);
  return plan;
}

const std::vector<std::string> kClasses = {"Model", "ForSequenceClassification",
                                           "ForTokenClassification", "ForQuestionAnswering",
                                           "ForMaskedLM"};

}  // namespace

Architecture roberta() { return {"roberta", "Roberta", kClasses, plan_roberta}; }
Architecture xlm_roberta() { return {"xlm-roberta", "XLMRoberta", kClasses, plan_roberta}; }

}  // namespace heed::pretrained
