// What may come next behind one sequence, and which of it comes.
#pragma once

#include <vector>

#include "heed/core/random.h"
#include "models/decoding.h"

namespace heed::models {

/// A sequence that grows.
struct Growing {
  std::vector<int64_t> tokens;
  std::vector<double> log_probabilities;
  std::vector<double> seconds;
  double total = 0;    ///< of what was not forced
  double given = 0;    ///< of what was
  int64_t forced = 0;  ///< tokens
  bool dead = false;   ///< holds a place in the batch only

  void add(int64_t token, double log_probability, bool is_forced);
  Hypothesis finished(bool ended, const GenerateOptions& options) const;
};

/// Tokens of a line, the given ones among them.
struct Limits {
  int64_t given = 0, least = 0, most = 0;
};

/// Forbids what may not come behind `tokens` in that row: ends before `least` tokens, what is
/// suppressed, n-grams that were there, <s> by Heed's own rules; and all but what is forced.
void forbid(NextTokens& next, int64_t row, const std::vector<int64_t>& tokens, const Limits& limits,
            const Choices& choices, const GenerateOptions& options);

struct Candidate {
  int64_t choice;
  double log_probability;
};

/// The likeliest `count` choices that are possible, likeliest first, the lower one of equals.
std::vector<Candidate> likeliest(const NextTokens& next, int64_t row, int64_t count);

/// One choice, drawn as the options say; choice -1 where nothing is possible.
Candidate drawn(const NextTokens& next, int64_t row, const GenerateOptions& options,
                Random& random);

}  // namespace heed::models
