// Tokens that draw attention without meaning.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

namespace heed::lens {

/// Keys that receive so much of all weight that the rest of a map would look empty beside them.
struct Sinks {
  std::vector<int64_t> keys;   ///< ascending
  std::vector<double> shares;  ///< of all weight, in 0..1: what each of `keys` holds

  bool empty() const { return keys.empty(); }
  double mass() const;
  /// "sinks left out: <s> holds 61 % of the weight", or of several each; empty for none.
  std::string note(const std::vector<std::string>& labels) const;
};

/// The rule: a key is a sink if
///   it is the first one or special (<s>, </s>, [CLS], [SEP]),
///   its share of all weight is at least 0.1, and
///   that is at least 5 times the mean share of the keys that are neither first nor special.
/// Attention goes to such tokens where it has nothing to say (Xiao et al. 2024, "Efficient Streaming
/// Language Models with Attention Sinks"; Clark et al. 2019, "What Does BERT Look at?").
///
/// received (Lk): the weight that each key gets, as a sum or a mean over queries (and heads); any
/// dtype. `special`, empty or as many flags, says which keys are; `first`: whether the first key may
/// be a sink that is not special (not where one query pools a text, which may well want its first
/// word). Keys with NaN or below 0 are none, and there are none where all keys are first or special. Throws UsageError for another shape or number of flags.
Sinks sinks_of(const at::Tensor& received, const std::vector<bool>& special = {},
               bool first = true);

}  // namespace heed::lens
