// heed audit: does a model answer otherwise where people are named by other words?
#include <algorithm>
#include <cstdio>

#include "audit_json.h"
#include "core/printable.h"
#include "frame/twice.h"
#include "heed/core/error.h"
#include "heed/tasks/predictor.h"
#include "output.h"
#include "verbs.h"

namespace heed::cli {
namespace {

constexpr size_t kShownHeads = 10;

void check_audit_flags(const AuditFlags& flags) {
  if (flags.swap.empty() == flags.pairs.empty())
    throw UsageError("expected --swap with lists of words, or --pairs with sentences in pairs");
  if (flags.pairs.empty() && (!flags.columns.empty() || !flags.kind.empty()))
    throw UsageError("--columns and --kind are of --pairs");
  if (!flags.pairs.empty() && flags.columns.empty())
    throw UsageError("--pairs: name the columns of the two sentences by --columns FIRST,SECOND");
  if (!flags.pairs.empty() && !flags.data.empty())
    throw UsageError("--data is of --swap; the sentences of --pairs are all that is read");
}

std::string text_of_estimate(const lens::Estimate& found) {
  char text[96];
  std::snprintf(text, sizeof text, "%.4g [%.4g, %.4g]", found.value, found.low, found.high);
  return text;
}

void print_change(const lens::AnswerChange& change) {
  std::cout << printable(change.name) << '\t' << change.examples << '\t'
            << text_of_estimate(change.value) << '\t' << text_of_estimate(change.absolute_value);
  if (change.share)
    std::cout << '\t' << text_of_estimate(*change.share) << '\t'
              << text_of_estimate(*change.absolute_share);
  if (change.flips) std::cout << '\t' << text_of_estimate(*change.flips);
  std::cout << '\n';
}

void print_changes(const lens::GroupAudit& group) {
  std::cout << "words\texamples\tchange of value\tits size";
  if (group.all.share) std::cout << "\tchange of share\tits size";
  if (group.all.flips) std::cout << "\tflips";
  std::cout << '\n';
  for (const auto& rule : group.rules) print_change(rule);
  print_change(group.all);
}

void print_heads(const lens::GroupAudit& group) {
  if (!group.without_heads.empty())
    std::cout << "heads\tnone: " << printable(group.without_heads) << '\n';
  if (group.heads.empty()) return;
  std::cout << "attention\thead\tcarries of the change, mean of " << group.head_examples << '\n';
  for (size_t i = 0; i < std::min(kShownHeads, group.heads.size()); ++i) {
    const auto& head = group.heads[i];
    std::cout << printable(head.attention) << '\t' << head.head << '\t'
              << text_of_estimate(head.carried) << '\n';
  }
  if (group.heads.size() > kShownHeads)
    std::cout << "heads that carry less\t" << group.heads.size() - kShownHeads << '\n';
}

void print_group(const lens::GroupAudit& group) {
  if (group.all.examples == 0) return;
  std::cout << "value\t" << printable(group.aim) << ", of the first example\n";
  if (!group.share.empty())
    std::cout << "share\t" << printable(group.share) << ", of the first example\n";
  print_changes(group);
  if (group.accuracy)
    std::cout << "accuracy before\t" << text_of_estimate(group.accuracy->before)
              << "\naccuracy after\t" << text_of_estimate(group.accuracy->after) << "\ngap\t"
              << text_of_estimate(group.accuracy->gap) << '\n';
  for (const auto& metric : group.metrics)
    std::cout << printable(metric.name) << '\t' << metric.before << " -> " << metric.after << '\n';
  print_heads(group);
}

void print_pairs(const lens::PairsAudit& found) {
  if (found.answers) return print_group(*found.answers);
  std::cout << "kind\tpairs\tfirst is likelier\tdifference in nats\tties\n";
  for (const auto& score : found.scores)
    std::cout << printable(score.name) << '\t' << score.pairs << '\t'
              << text_of_estimate(score.prefers) << '\t' << text_of_estimate(score.difference)
              << '\t' << score.ties << '\n';
}

std::pair<std::string, std::string> two_columns(const std::string& columns) {
  const auto comma = columns.find(',');
  if (comma == 0 || comma == columns.npos || comma + 1 == columns.size() ||
      columns.find(',', comma + 1) != columns.npos)
    throw UsageError("--columns: expected two names, FIRST,SECOND, given '" + columns + "'");
  return {columns.substr(0, comma), columns.substr(comma + 1)};
}

void audit_sentences(Predictor& predictor, const AuditFlags& flags,
                     const lens::AuditOptions& options) {
  const auto [first, second] = two_columns(flags.columns);
  const auto pairs = lens::read_pairs(flags.pairs, first, second, flags.kind);
  const auto found = lens::audit_pairs(predictor, pairs, options);
  if (found.scores.size() > 0 && flags.heads.value_or(0) > 0)
    throw UsageError("--heads is of answers; a likelihood's heads are not left out");
  if (!flags.output.empty()) write_file(flags.output, lines_of(found));
  if (!flags.json) return print_pairs(found);
  Json result = {{"model", flags.model}, {"pairs", flags.pairs}, {"seed", flags.seed}};
  result.update(json_of(found));
  std::cout << one_line(result) << '\n';
}

/// An audit in which no text changed has compared nothing.
void say_what_is_unchanged(const std::vector<lens::GroupAudit>& found, const std::string& lists) {
  const auto is_idle = [](const auto& group) { return group.all.examples == 0; };
  if (std::all_of(found.begin(), found.end(), is_idle))
    throw DataError(lists + ": none of the " + std::to_string(found.front().unchanged) +
                    " texts has a word of its groups, so nothing was compared");
  for (const auto& group : found)
    if (is_idle(group))
      std::cerr << "heed: note: none of the " << group.unchanged
                << " texts has a word of the group '" << printable(group.name) << "'\n";
}

void audit_texts(Predictor& predictor, const AuditFlags& flags,
                 const std::vector<std::string>& data, const lens::AuditOptions& options) {
  const auto groups = read_word_lists(flags.swap);
  const auto found = lens::audit(predictor, data, groups, options);
  say_what_is_unchanged(found, flags.swap);
  std::string lines;
  for (size_t i = 0; i < groups.size(); ++i)
    lines += lines_of(found[i], WordSwap(groups[i]).rules());
  if (!flags.output.empty()) write_file(flags.output, lines);
  if (flags.json) {
    Json result = {{"model", flags.model},
                   {"swap", flags.swap},
                   {"data", data},
                   {"seed", flags.seed},
                   {"groups", Json::array()}};
    for (const auto& group : found) result["groups"].push_back(json_of(group));
    std::cout << one_line(result) << '\n';
    return;
  }
  for (const auto& group : found) {
    std::cout << (group.masks ? "masked\t" : "swapped\t") << printable(group.name) << ": "
              << group.all.examples << " texts, " << group.unchanged << " without its words\n";
    print_group(group);
  }
}

}  // namespace

void run(const AuditFlags& flags) {
  check_audit_flags(flags);
  refuse_twice("--set", flags.set);
  refuse_twice("--data", flags.data);
  if (!flags.swap.empty()) read_word_lists(flags.swap);  // refused before a model is opened
  auto predictor = Predictor::load(flags.model, flags.set,
                                   flags.truncate ? Truncation::cut : Truncation::as_recipe);
  const auto data = flags.data.empty() ? predictor.recipe().paths("test") : flags.data;
  if (flags.pairs.empty() && data.empty())
    throw UsageError("the recipe names no test data; name some by --data");
  auto read = data;
  read.push_back(flags.swap.empty() ? flags.pairs : flags.swap);
  check_outputs({flags.output}, flags.model, read);
  const lens::AuditOptions options{.seed = static_cast<uint64_t>(flags.seed),
                                   .heads = flags.heads.value_or(lens::AuditOptions().heads),
                                   .target = flags.target,
                                   .of = flags.of};
  if (flags.pairs.empty())
    audit_texts(predictor, flags, data, options);
  else
    audit_sentences(predictor, flags, options);
  if (const auto note = predictor.finish(); !note.empty())
    std::cerr << "heed: note: " << note << '\n';
}

}  // namespace heed::cli
