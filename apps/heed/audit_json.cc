#include "audit_json.h"

namespace heed::cli {
namespace {

Json json_of_estimate(const lens::Estimate& found) {
  return {{"value", found.value}, {"low", found.low}, {"high", found.high}};
}

Json json_of_change(const lens::AnswerChange& change) {
  Json json = {{"name", change.name},
               {"examples", change.examples},
               {"value", json_of_estimate(change.value)},
               {"absolute_value", json_of_estimate(change.absolute_value)}};
  if (change.share) json["share"] = json_of_estimate(*change.share);
  if (change.absolute_share) json["absolute_share"] = json_of_estimate(*change.absolute_share);
  if (change.flips) json["flips"] = json_of_estimate(*change.flips);
  return json;
}

Json json_of_heads(const lens::GroupAudit& group) {
  auto heads = Json::array();
  for (const auto& head : group.heads)
    heads.push_back({{"attention", head.attention},
                     {"head", head.head},
                     {"carried", json_of_estimate(head.carried)}});
  return heads;
}

Json json_of_example(const lens::ChangedExample& example) {
  Json json = {{"place", example.place},
               {"before", example.before},
               {"after", example.after},
               {"answer", example.answer},
               {"other_answer", example.other_answer},
               {"value", example.value},
               {"other_value", example.other_value}};
  if (example.share) json["share"] = *example.share, json["other_share"] = *example.other_share;
  if (example.flips) json["flips"] = *example.flips;
  return json;
}

}  // namespace

Json json_of(const lens::GroupAudit& group) {
  Json json = {{"group", group.name},
               {"masks", group.masks},
               {"changed", group.all.examples},
               {"unchanged", group.unchanged},
               {"value", group.aim}};
  if (!group.share.empty()) json["share"] = group.share;
  json["all"] = json_of_change(group.all);
  json["rules"] = Json::array();
  for (const auto& rule : group.rules) json["rules"].push_back(json_of_change(rule));
  if (group.accuracy)
    json["accuracy"] = {{"before", json_of_estimate(group.accuracy->before)},
                        {"after", json_of_estimate(group.accuracy->after)},
                        {"gap", json_of_estimate(group.accuracy->gap)}};
  if (!group.metrics.empty()) json["metrics"] = Json::object();
  for (const auto& metric : group.metrics)
    json["metrics"][metric.name] = {{"before", metric.before}, {"after", metric.after}};
  json["head_examples"] = group.head_examples;
  json["heads"] = json_of_heads(group);
  if (!group.without_heads.empty()) json["without_heads"] = group.without_heads;
  return json;
}

Json json_of(const lens::PairsAudit& pairs) {
  if (pairs.answers) return json_of(*pairs.answers);
  Json json = {{"scores", Json::array()}};
  for (const auto& score : pairs.scores)
    json["scores"].push_back({{"name", score.name},
                              {"pairs", score.pairs},
                              {"ties", score.ties},
                              {"prefers_first", json_of_estimate(score.prefers)},
                              {"difference", json_of_estimate(score.difference)}});
  return json;
}

std::string lines_of(const lens::GroupAudit& group, const std::vector<std::string>& rules) {
  std::string lines;
  for (const auto& example : group.examples) {
    Json json = {{"group", group.name}};
    json.update(json_of_example(example));
    if (!rules.empty()) json["rules"] = Json::array();
    for (const auto rule : example.rules) json["rules"].push_back(rules.at(rule));
    lines += one_line(json) + '\n';
  }
  return lines;
}

std::string lines_of(const lens::PairsAudit& pairs) {
  if (pairs.answers) return lines_of(*pairs.answers, {});
  std::string lines;
  for (const auto& [pair, first, second] : pairs.examples)
    lines += one_line({{"place", pair.place},
                       {"first", pair.first},
                       {"second", pair.second},
                       {"log_probability", first},
                       {"other_log_probability", second}}) +
             '\n';
  return lines;
}

}  // namespace heed::cli
