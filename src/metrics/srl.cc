#include "heed/metrics/srl.h"

#include <set>
#include <utility>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr const char* kPredicateItself = "V";

/// Of the things of one sentence.
template <class Thing>
int64_t count_shared(const std::set<Thing>& a, const std::set<Thing>& b) {
  int64_t both = 0;
  for (const auto& thing : a) both += b.contains(thing) ? 1 : 0;
  return both;
}

std::set<SrlArgument> arguments_of(const std::vector<SrlArgument>& all) {
  std::set<SrlArgument> arguments;
  for (const auto& argument : all)
    if (argument.role != kPredicateItself) arguments.insert(argument);
  return arguments;
}

std::set<std::pair<int64_t, int64_t>> places_of(const std::set<SrlArgument>& arguments) {
  std::set<std::pair<int64_t, int64_t>> places;
  for (const auto& argument : arguments) places.emplace(argument.predicate, argument.word);
  return places;
}

}  // namespace

SrlScores score_srl(const std::vector<std::vector<SrlArgument>>& predicted,
                    const std::vector<std::vector<SrlArgument>>& expected) {
  if (predicted.size() != expected.size()) {
    throw UsageError("score_srl: expected as many sentences as the " +
                     std::to_string(expected.size()) + " of the reference, given " +
                     std::to_string(predicted.size()));
  }
  SrlScores scores;
  for (size_t s = 0; s < predicted.size(); ++s) {
    const auto own = arguments_of(predicted[s]), right = arguments_of(expected[s]);
    for (const auto& argument : own)
      scores.roles[argument.role] += {right.contains(argument) ? 1 : 0, 1, 0};
    for (const auto& argument : right) scores.roles[argument.role] += {0, 0, 1};
    scores.labelled += {count_shared(own, right), static_cast<int64_t>(own.size()),
                        static_cast<int64_t>(right.size())};
    const auto places = places_of(own), right_places = places_of(right);
    scores.unlabelled += {count_shared(places, right_places), static_cast<int64_t>(places.size()),
                          static_cast<int64_t>(right_places.size())};
  }
  return scores;
}

}  // namespace heed
