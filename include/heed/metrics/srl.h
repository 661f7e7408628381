// Semantic roles of words beside the right ones.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

/// Word `word` has the role `role` of the predicate at word `predicate`; words count from 0.
struct SrlArgument {
  int64_t predicate = 0, word = 0;
  std::string role;

  auto operator<=>(const SrlArgument&) const = default;
};

struct SrlScores {
  MatchCounts labelled;                      ///< predicate, word and role are right
  MatchCounts unlabelled;                    ///< predicate and word are right
  std::map<std::string, MatchCounts> roles;  ///< labelled, of each role
};

/// Arguments of sentences, counted over all of them (micro) as semantic dependencies of CoNLL-2009:
/// one per predicate, word and role. The role V, a predicate itself, is left out, as CoNLL-2005's
/// srl-eval.pl does. CoNLL-2009's eval09.pl also counts each predicate's sense as a dependency of a
/// virtual root: add {-1, predicate, sense} for that. An argument given twice counts once. Throws
/// UsageError for another number of sentences. Cost O(n log n) arguments.
SrlScores score_srl(const std::vector<std::vector<SrlArgument>>& predicted,
                    const std::vector<std::vector<SrlArgument>>& expected);

}  // namespace heed
