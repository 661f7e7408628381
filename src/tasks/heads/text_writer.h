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
/// What an encoder gave, as a source.
SourceBatch source_of(const Tokens& tokens);

struct TextWriter {
  std::vector<SequenceModelPtr> models;  ///< the mean of their probabilities
  data::TokenizerPtr tokenizer;          ///< of what is written
  GenerateOptions options;
  bool trims = false;  ///< whether white space at both ends of a text is left out
  int64_t begin = -1;  ///< what a text begins with, unwritten, where options.tokens() does not say

  /// For each source its texts, best first. `prefixes`: none, or one a source.
  std::vector<std::vector<Hypothesis>> write(const TokenLists& sources,
                                             const TokenLists& prefixes = {}) const;
  /// The same of what an encoder gave.
  std::vector<std::vector<Hypothesis>> write_from(const SourceBatch& states,
                                                  const TokenLists& prefixes = {}) const;
  /// With which write() (write_from() of `states`, where these are defined) writes each of `count` texts by itself.
  std::vector<GenerateOptions> options_of(const SourceBatch& states, int64_t count) const;
  /// With which generate() goes on from tokens, at least one.
  GenerateOptions going_on(const std::vector<int64_t>& beginning) const;
  /// Goes on from tokens, at least one; hypotheses begin with them.
  std::vector<Hypothesis> go_on(const std::vector<int64_t>& beginning) const;
  /// log p of each token of the given texts, then of their end.
  std::vector<std::vector<double>> score(const TokenLists& sources,
                                         const TokenLists& targets) const;

  std::vector<std::vector<double>> score_from(const SourceBatch& states,
                                              const TokenLists& targets) const;

  /// What every text begins with: the token that writing begins with, then those that are forced, of speech its language
  /// and task where these are named. Throws ModelError for names that the tokenizer has not.
  std::vector<int64_t> beginning() const;
  /// Whether the model says which language follows the first of them.
  bool chooses_language() const;
  /// The prefixes (none, or one a row) behind what the text of each row begins with, without its first token.
  TokenLists begun_from(const SourceBatch& states, TokenLists prefixes) const;
  /// The token behind its last one.
  int64_t end() const;

  std::string text(const Hypothesis& found) const { return decoded(found.tokens); }
  std::string decoded(const std::vector<int64_t>& tokens) const;
  /// Empty for a row of the embedding that the tokenizer has no piece for.
  std::string piece(int64_t token) const {
    return token < tokenizer->size() ? tokenizer->piece(token) : "";
  }

  /// The best text, or all of several with their scores, numbered as Moses does.
  Prediction predicted(const std::vector<Hypothesis>& found, int64_t number) const;
  Prediction scored(const std::vector<int64_t>& target, const std::vector<double>& scores) const;

 private:
  /// The options with what the tokenizer says: </s>, what is never written, where it stops.
  GenerateOptions search() const;
  bool stops(std::span<const int64_t> tokens) const;
  TokenLists begun(TokenLists prefixes, size_t count) const;
  int64_t speech_token(const char* key, const std::string& name) const;
  std::vector<int64_t> likeliest_languages(const SourceBatch& states) const;
};

}  // namespace heed
