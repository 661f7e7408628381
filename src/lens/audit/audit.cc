#include "heed/lens/audit.h"

#include <algorithm>
#include <map>

#include "heed/core/error.h"
#include "lens/audit/compared.h"

namespace heed::lens {
namespace {

/// Statistics of the examples that each rule changed.
std::vector<AnswerChange> changes_by_rule(const WordSwap& swap, const GroupAudit& group,
                                          uint64_t seed) {
  std::vector<std::vector<int64_t>> numbers(swap.rules().size());
  for (size_t i = 0; i < group.examples.size(); ++i)
    for (const auto rule : group.examples[i].rules)
      numbers[rule].push_back(static_cast<int64_t>(i));
  std::vector<AnswerChange> changes;
  for (size_t rule = 0; rule < numbers.size(); ++rule)
    if (!numbers[rule].empty())
      changes.push_back(change_of(swap.rules()[rule], group.examples, numbers[rule], seed));
  return changes;
}

std::vector<MetricChange> metrics_of(Predictor& predictor, const ChangedData& data) {
  const auto before = predictor.evaluate(data.before).metrics;
  const auto after = predictor.evaluate(data.after).metrics;
  std::vector<MetricChange> changes;
  for (const auto& [name, value] : before) {
    if (name.find("baseline_") != std::string::npos) continue;
    for (const auto& [other, changed] : after)
      if (other == name) changes.push_back({name, value, changed});
  }
  return changes;
}

GroupAudit audit_group(Predictor& predictor, const std::vector<std::string>& files,
                       const WordGroup& words, const AuditOptions& options) {
  const WordSwap swap(words);
  std::map<int64_t, std::vector<size_t>> used;
  const auto data =
      predictor.change_texts(files, [&](int64_t record, const std::string& text) -> std::string {
        auto changed = swap.apply(text);
        auto& rules = used[record];
        for (const auto rule : changed.used)
          if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
        return std::move(changed.text);
      });
  GroupAudit result;
  result.name = words.name, result.masks = words.masks, result.unchanged = data.unchanged;
  if (!data.before) {
    result.all = change_of(words.name, {}, {}, options.seed);
    return result;
  }
  compare_all(predictor, data.before, data.after, options, result);
  for (size_t i = 0; i < data.records.size(); ++i) result.examples[i].rules = used[data.records[i]];
  result.rules = changes_by_rule(swap, result, options.seed);
  if (data.has_targets) result.metrics = metrics_of(predictor, data);
  return result;
}

}  // namespace

std::vector<GroupAudit> audit(Predictor& predictor, const std::vector<std::string>& files,
                              const std::vector<WordGroup>& groups, const AuditOptions& options) {
  check_comparable(predictor, options);
  std::vector<GroupAudit> all;
  for (const auto& group : groups) all.push_back(audit_group(predictor, files, group, options));
  return all;
}

}  // namespace heed::lens
