#include "explain_json.h"

namespace heed::cli {
namespace {

Json numbers(const at::Tensor& values) {
  if (!values.defined()) return nullptr;
  auto all = Json::array();
  const auto flat = values.to(at::kDouble).contiguous();
  if (flat.dim() > 1) {
    for (int64_t row = 0; row < flat.size(0); ++row) all.push_back(numbers(flat[row]));
    return all;
  }
  for (int64_t i = 0; i < flat.numel(); ++i) all.push_back(flat.data_ptr<double>()[i]);
  return all;
}

Json json_of(const lens::Faithfulness& tests) {
  return {{"comprehensiveness", tests.comprehensiveness},
          {"sufficiency", tests.sufficiency},
          {"soft_comprehensiveness", tests.soft_comprehensiveness},
          {"soft_sufficiency", tests.soft_sufficiency}};
}

}  // namespace

Json json_of(const Question& question) {
  Json json = {{"input", question.shown.text}};
  json.update(Json::parse(question.looked.prediction.json));
  if (!question.looked.expected.empty()) json["expected"] = question.looked.expected;
  json["explained"] = question.aim;
  return json;
}

Json json_of(const lens::Attribution& found) {
  const auto text = lens::text_of_method(found.method);
  Json json = {{"method", word_of(found.method)},
               {"formula", text.formula},
               {"source", text.source},
               {"signed", found.is_signed},
               {"value", found.whole},
               {"value_without_tokens", found.empty}};
  auto tokens = Json::array();
  for (const auto& token : found.tokens)
    tokens.push_back({{"text", token.text},
                      {"begin", token.begin},
                      {"end", token.end},
                      {"special", token.special}});
  json["tokens"] = tokens;
  json["values"] = numbers(found.values);
  if (found.errors.defined()) json["standard_errors"] = numbers(found.errors);
  if (!found.group_of.empty()) json["part_of_token"] = found.group_of;
  json["gap"] = found.gap;
  return json;
}

Json json_of(const lens::Doubt& doubt) {
  return {{"share", doubt.share},
          {"whole", doubt.whole},
          {"empty", doubt.empty},
          {"parts", doubt.parts},
          {"explanation", json_of(doubt.own)},
          {"random", json_of(doubt.random)},
          {"raw_weights", json_of(doubt.weights)},
          {"p_value", json_of(doubt.p_value)},
          {"correlation_with_shuffled_model", doubt.shuffled},
          {"gap", doubt.gap},
          {"untested", doubt.untested},
          {"failures", doubt.failures},
          {"verdict", doubt.verdict}};
}

Json json_of(const lens::HeadScores& scores, const char* name) {
  auto rows = Json::array();
  for (size_t i = 0; i < scores.layers.size(); ++i)
    rows.push_back({{"name", scores.layers[i]}, {name, numbers(scores.values[i])}});
  return {{"value", scores.whole}, {"layers", rows}};
}

Json json_of(const lens::Patched& patched) {
  return {{"value", patched.whole},
          {"value_against", patched.other},
          {"rows", patched.rows},
          {"columns", patched.columns},
          {"shares", numbers(patched.shares)}};
}

Json json_of(const lens::Edge& edge) {
  Json json = {{"name", edge.name},     {"head", edge.head + 1},
               {"query", edge.query},   {"key", edge.key},
               {"weight", edge.weight}, {"score", edge.score},
               {"beside", edge.beside}, {"channels", numbers(edge.channels)}};
  if (edge.directions.defined()) {
    json["directions"] = numbers(edge.directions);
    json["along_query"] = numbers(edge.along_query), json["along_key"] = numbers(edge.along_key);
    json["biases"] = edge.biases;
  }
  return json;
}

}  // namespace heed::cli
