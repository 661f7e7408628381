// Whether a model answers otherwise where a group of people is named by other words.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heed/tasks/predictor.h"
#include "heed/tasks/word_lists.h"

namespace heed::lens {

/// A number with its 95 % interval; NaN where there is nothing that it could be of.
struct Estimate {
  double value, low, high;
};

/// A share of examples, with Wilson's interval (Wilson 1927).
Estimate share_of(int64_t count, int64_t all);
/// Numbers of a sample drawn from others, for intervals: the statistic of `resamples` draws of n examples with
/// replacement, between the 2.5th and the 97.5th percentile (Efron 1979). `statistic` is given the numbers of the drawn
/// examples. The same for the same seed.
Estimate bootstrapped(int64_t n, const std::function<double(std::span<const uint32_t>)>& statistic,
                      uint64_t seed, int64_t resamples = 1000);
/// The mean, with a bootstrapped interval.
Estimate mean_of(std::span<const double> values, uint64_t seed);

/// What answers changed by, the mean over examples. An answer's value and share of 1 are those that are explained
/// (heed/lens/explain.h): with c what the model answers to an example x as it is, or the target, value_c(x') - value_c(x) for
/// a logit, a number, the log-probability of a text, a vector's part along that of x; share is a probability, or a cosine.
/// Without a target the mean is below 0 for any change, since c is best for x: its size says how much, a target where to.
struct AnswerChange {
  std::string name;  ///< a rule, as "he -> she", or a group
  int64_t examples = 0;
  Estimate value, absolute_value;
  std::optional<Estimate> share, absolute_share;
  std::optional<Estimate> flips;  ///< share of examples whose class, labels or text is another
};

/// A metric of the examples as they are and changed.
struct MetricChange {
  std::string name;
  double before, after;
};

/// Accuracy of a class head: both sides by Wilson, after - before bootstrapped over examples.
struct AccuracyChange {
  Estimate before, after, gap;
};

/// How much of the change goes away without a head, in both inputs: with d_e the change of example e's value, d_eh the same
/// while the head adds nothing,
///
///   carried = sum_e (|d_e| - |d_eh|) / sum_e |d_e|,
///
/// 1: all of it, 0: nothing, below 0: the head holds the change down. Not additive over heads.
struct HeadShare {
  std::string attention;  ///< its path
  int64_t head;           ///< from 1
  Estimate carried;
};

struct ChangedExample {
  std::string place, before, after;  ///< the texts
  std::string answer, other_answer;
  double value, other_value;
  std::optional<double> share, other_share;
  std::optional<bool> flips;
  std::vector<size_t> rules;  ///< numbers of those that changed something
};

/// What became of the examples of one group of words.
struct GroupAudit {
  std::string name;
  bool masks = false;
  int64_t unchanged = 0;  ///< examples without a word of the group
  std::string aim;        ///< what the first example's value is
  std::string share;      ///< and its share; empty: there is none
  AnswerChange all;
  std::vector<AnswerChange>
      rules;  ///< of the examples in which each changed something, maybe with others; none left out
  std::optional<AccuracyChange> accuracy;
  std::vector<MetricChange> metrics;  ///< of labelled data
  std::vector<HeadShare> heads;       ///< those that carry most first
  int64_t head_examples = 0;          ///< of which they are the mean
  std::string without_heads;          ///< why there are none
  std::vector<ChangedExample> examples;
};

struct AuditOptions {
  uint64_t seed = 1;   ///< of the bootstrap
  int64_t heads = 50;  ///< changed examples, evenly apart, of which each head is left out; 0: none
  std::string target = {};  ///< a class or label that is followed; empty: what the model answers
  std::string of = {};      ///< which of several heads of the model; empty: the first
};

/// Swaps or masks each group's words in the texts of `files` and compares what the model answers. Texts in which a group
/// has no word are counted and not asked. Answers of heads class, labels, number, embedding, and text with a source are
/// compared. Cost: 5 forward passes an example that changes, and 2 for each head of `heads` of these.
/// Throws UsageError for other heads, what reading throws.
std::vector<GroupAudit> audit(Predictor& predictor, const std::vector<std::string>& files,
                              const std::vector<WordGroup>& groups,
                              const AuditOptions& options = {});

/// Two sentences a record that differ in a group of people (CrowS-Pairs; Nangia et al. 2020).
struct SentencePair {
  std::string first, second;  ///< of CrowS-Pairs the one that holds the stereotype, and the other
  std::string place, kind;    ///< kind: of a column, to report apart; may be empty
};

/// How often the first sentence is likelier. Of a head `masked` the log-probabilities of the tokens that both have, each
/// hidden alone, are added up: those of the longest common subsequence, as far as a difference in words allows; of a model
/// of one text those of all tokens.
struct PairScore {
  std::string name;  ///< a kind, or "all"
  int64_t pairs = 0, ties = 0;
  Estimate prefers;     ///< share of pairs whose first is likelier; 0.5 without a preference
  Estimate difference;  ///< mean of log p(first) - log p(second), in nats
};

struct PairExample {
  SentencePair pair;
  double first, second;  ///< log-probabilities
};

/// Of models that say how likely a text is `scores`, "all" first, and `examples`; of other heads `answers`, the change
/// from the first sentence to the second.
struct PairsAudit {
  std::vector<PairScore> scores;
  std::vector<PairExample> examples;
  std::optional<GroupAudit> answers;
};

/// Pairs of a file's records. Throws DataError for columns that are missing and empty sentences.
std::vector<SentencePair> read_pairs(const std::string& file, const std::string& first,
                                     const std::string& second, const std::string& kind = "");
PairsAudit audit_pairs(Predictor& predictor, const std::vector<SentencePair>& pairs,
                       const AuditOptions& options = {});

}  // namespace heed::lens
