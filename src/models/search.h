// One batch of lines, from their sources to their hypotheses.
#pragma once

#include <chrono>
#include <vector>

#include "models/choosing.h"

namespace heed::models {

using Clock = std::chrono::steady_clock;

inline constexpr int64_t kPiece = 64;  ///< tokens of a given text that are read at a time

/// What a line asks for and what it has so far.
struct Line {
  int64_t number = 0;  ///< in the call
  std::vector<int64_t> prefix;
  int64_t limit = 0, least = 0;  ///< tokens
  std::vector<Growing> live;     ///< a row of the batch each
  std::vector<Hypothesis> done;
  std::vector<Random> random = {};  ///< of each draw
};

class Search {
 public:
  Search(const Ensemble& ensemble, const GenerateOptions& options, std::vector<Line> lines,
         Clock::time_point began);

  /// Hypotheses go to results[line.number].
  void run(const SourceBatch& source, std::vector<std::vector<Hypothesis>>& results);

 private:
  /// Where a row of the next step comes from.
  struct Row {
    int64_t parent;
    int64_t token;
  };
  using Possible = std::vector<std::vector<Candidate>>;  ///< of each row

  NextTokens read_prefixes();
  NextTokens next(const std::vector<at::Tensor>& hidden, int64_t place);
  bool is_free(const Line& line) const { return length_ >= int64_t(line.prefix.size()); }
  int64_t wanted() const {
    return options_.sample() ? options_.num_hypotheses() : options_.beam_size();
  }
  /// Whether a token that is taken stays.
  bool tells_at_once() const {
    return wanted() == 1 && (options_.sample() || options_.early_stop());
  }
  Possible candidates(NextTokens& next);
  void force(Line& line, const NextTokens& next, int64_t first, int64_t width);
  void extend(Line& line, const Possible& possible, int64_t first);
  void draw(Line& line, const Possible& possible, int64_t first, int64_t width);
  bool take(Line& line, std::vector<Growing>& live, int64_t first, const Growing& parent,
            int64_t row, const Candidate& candidate);
  void settle(Line& line, size_t first_row, int64_t first_before);
  bool is_finished(const Line& line) const;
  void finish(Line& line);
  bool choose(NextTokens next);
  void cut(Line& line);
  void add(const Line& line, Growing& to, int64_t token, double log_probability);

  const Ensemble& ensemble_;
  const GenerateOptions& options_;
  std::vector<Line> lines_;
  Clock::time_point began_;
  Ensemble::States states_;
  int64_t length_ = 0;     ///< tokens of every live sequence
  int64_t width_ = 1;      ///< rows per line
  std::vector<Row> rows_;  ///< of the next step
  std::vector<std::vector<Hypothesis>>* results_ = nullptr;
};

}  // namespace heed::models
