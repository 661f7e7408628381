#include "pretrained/heads.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace heed::pretrained {
namespace {

constexpr Bounds kLabels = between(1, 1 << 24);

/// The names of labels: id2label, or LABEL_0, LABEL_1, ... as many as num_labels says, which is two
/// where nothing does.
std::vector<std::string> labels_of(Config& config) {
  auto names = config.numbered_texts("id2label");
  const auto count =
      config.integer("num_labels", kLabels, names.empty() ? 2 : static_cast<int64_t>(names.size()));
  if (names.empty())
    for (int64_t i = 0; i < count; ++i) names.push_back("LABEL_" + std::to_string(i));
  if (std::ssize(names) != count)
    config.refuse("num_labels", "is ", count, ", and id2label has ", names.size(), " labels");
  auto sorted = names;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    config.refuse("id2label", "two labels are called '", *twice, "'; give them names of their own");
  return names;
}

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// The file of a head's classes; how often each was seen in training is not known.
std::string classes_file(const char* key, const std::vector<std::string>& names) {
  nlohmann::ordered_json json{{key, names}, {"counts", std::vector<int64_t>(names.size(), 0)}};
  if (std::string(key) == "labels") json["most_frequent"] = std::vector<std::string>();
  return dumped(json);
}

/// "iob2" where every tag is O, B-X or I-X.
std::string scheme_of(const std::vector<std::string>& tags) {
  const bool spans = std::all_of(tags.begin(), tags.end(), [](const std::string& tag) {
    return tag == "O" || (tag.size() > 2 && (tag.starts_with("B-") || tag.starts_with("I-")));
  });
  return spans ? "iob2" : "none";
}

/// [head.dense]; the tables of the head itself come before it.
void add_dense(Plan& plan, const DenseLayer& dense) {
  if (dense.activation == "none") return;
  plan.recipe.table("head.dense").set("activation", dense.activation).set("bias", dense.bias);
  if (dense.norm)
    plan.recipe.set("norm", true).set("norm_bias", dense.norm_bias).set("norm_eps", dense.norm_eps);
}

}  // namespace

int64_t add_label_head(Plan& plan, Config& config, const PooledHead& how) {
  const auto names = labels_of(config);
  const auto problem = config.text("problem_type", names.size() == 1 ? "regression" : "");
  const bool number = problem == "regression", several = problem == "multi_label_classification";
  if (number && names.size() != 1)
    config.refuse("problem_type", "a regression of ", names.size(),
                  " numbers at once; Heed's head 'number' has one");
  if (!number && !several && !problem.empty() && problem != "single_label_classification")
    config.refuse("problem_type", "unknown '", problem,
                  "'; known: regression, single_label_classification, multi_label_classification");
  plan.recipe.table("head").set("kind", number ? "number" : several ? "labels" : "class");
  plan.recipe.set("dropout", how.dropout);
  plan.recipe.table("head.pool").set("kind", how.pool);
  add_dense(plan, how.dense);
  if (number)
    plan.others["number.json"] = dumped({{"mean", 0.0}, {"std", 1.0}});
  else if (several)
    plan.others["labels.json"] = classes_file("labels", names);
  else
    plan.others["classes.json"] = classes_file("classes", names);
  return std::ssize(names);
}

int64_t add_tags_head(Plan& plan, Config& config, const DenseLayer& dense, double dropout) {
  const auto tags = labels_of(config);
  plan.recipe.table("head")
      .set("kind", "tags")
      .set("column", "tags")
      .set("scheme", scheme_of(tags))
      .set("dropout", dropout);
  add_dense(plan, dense);
  plan.others["tags.json"] = classes_file("classes", tags);
  plan.others["tags_baseline.json"] =
      dumped({{"of", nlohmann::ordered_json::object()}, {"most_frequent", tags.front()}});
  return std::ssize(tags);
}

void add_spans_head(Plan& plan, const DenseLayer& dense, double dropout) {
  plan.recipe.table("head").set("kind", "spans").set("dropout", dropout);
  add_dense(plan, dense);
}

void add_embedding_head(Plan& plan, const std::string& pool) {
  plan.recipe.table("head").set("kind", "embedding").set("normalize", true);
  plan.recipe.table("head.pool").set("kind", pool);
}

std::string no_counts(int64_t vocabulary) {
  std::string text = "[";
  for (int64_t i = 0; i < vocabulary; ++i) text += i > 0 ? ",0" : "0";
  return text + "]";
}

void add_tokenizer(Plan& plan, const std::string& table, int64_t rows) {
  plan.recipe.table(table).set("kind", "json").set("rows", rows);
}

void add_text_input(Plan& plan, Task task, int64_t rows, int64_t max_length) {
  auto& recipe = plan.recipe.table("input").set("kind", "text");
  if (task == Task::answer_span) recipe.set("column", "question").set("second", "context");
  recipe.set("max_length", max_length);
  add_tokenizer(plan, "input.tokenizer", rows);
}

}  // namespace heed::pretrained
