// Models that write text together: searches and scores, as texts and as lines of JSON.
#pragma once

#include <string>
#include <vector>

#include "heed/data/tokenizer.h"
#include "heed/models/generate.h"
#include "heed/tasks/head.h"

namespace heed {

using TokenLists = std::vector<std::vector<int64_t>>;

/// The first lengths[b] numbers of each row of tokens (B, L).
TokenLists rows_of(const at::Tensor& tokens, const at::Tensor& lengths);

/// What the model reads of a batch's source; undefined where there is none.
SourceBatch source_of(const Batch& batch);

struct TextWriter {
  std::vector<SequenceModelPtr> models;  ///< the mean of their probabilities
  data::TokenizerPtr tokenizer;          ///< of what is written
  GenerateOptions options;
  int64_t begin = -1;  ///< what a text begins with, unwritten, where options.tokens() does not say

  /// For each source its texts, best first. `prefixes`: none, or one a source.
  std::vector<std::vector<Hypothesis>> write(const TokenLists& sources,
                                             const TokenLists& prefixes = {}) const;
  /// Goes on from tokens, at least one; hypotheses begin with them.
  std::vector<Hypothesis> go_on(const std::vector<int64_t>& beginning) const;
  /// log p of each token of the given texts, then of their end.
  std::vector<std::vector<double>> score(const TokenLists& sources,
                                         const TokenLists& targets) const;

  std::string text(const Hypothesis& found) const { return tokenizer->decode(found.tokens); }

  /// The best text, or all of several with their scores, numbered as Moses does.
  Prediction predicted(const std::vector<Hypothesis>& found, int64_t number) const;
  Prediction scored(const std::vector<int64_t>& target, const std::vector<double>& scores) const;

 private:
  /// The options with what the tokenizer says: </s>, what is never written, where it stops.
  GenerateOptions search() const;
  bool stops(std::span<const int64_t> tokens) const;
  TokenLists begun(TokenLists prefixes, size_t count) const;
};

}  // namespace heed
