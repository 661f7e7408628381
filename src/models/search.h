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
  bool closed = false;              ///< whether nothing better can come, by transformers' rules
  std::vector<Random> random = {};  ///< of each draw
};

/// Throws UsageError for models that cannot write together, and options or tokens that are not theirs.
void check_writing(const std::vector<SequenceModelPtr>& models, const GenerateOptions& options);
/// What options ask of line `number` of a call. `read`: tokens of each line's source; empty: there are none. `longest`: tokens of
/// the longest target; 0: any.
Line line_of(int64_t number, const std::vector<int64_t>& read, const GenerateOptions& options,
             int64_t longest);

class Search {
 public:
  Search(const Ensemble& ensemble, const GenerateOptions& options, std::vector<Line> lines,
         Clock::time_point began);

  /// Hypotheses go to results[line.number].
  void run(const SourceBatch& source, std::vector<std::vector<Hypothesis>>& results);

  /// Where a row of the next step comes from.
  struct Row {
    int64_t parent;
    int64_t token;
  };
  // In place of run(), of one line whose steps another takes: begin(), then again and again a step of rows(), whose states are
  // those of their parents among the rows before, and advance() with the logits behind it.

  /// Hypotheses go to results[line.number]. Where the line's prefix was `read`, it counts as written, with log-probabilities of
  /// 0, and rows() is its last token alone; else <s> is.
  void begin(bool read, std::vector<std::vector<Hypothesis>>& results);
  const std::vector<Row>& rows() const { return rows_; }
  /// logits (rows, V) of the only model. False: the line is at its end. Throws what Ensemble::next() throws.
  bool advance(at::Tensor logits);
  /// The line that is written, until it is at its end.
  const Line& line() const { return lines_.front(); }
  /// Whether a token that is taken stays.
  bool tells_at_once() const {
    return wanted() == 1 && (options_.sample() || options_.early_stop());
  }

 private:
  using Possible = std::vector<std::vector<Candidate>>;  ///< of each row
  /// A candidate behind a beam, and the log-probability of both.
  struct Way {
    int64_t beam;
    Candidate candidate;
    double total;
  };

  NextTokens read_prefixes();
  NextTokens next(const std::vector<at::Tensor>& hidden, int64_t place);
  std::span<const int64_t> seen(int64_t row) const;
  std::string name(int64_t row) const;
  const Line& line_of(int64_t row) const { return lines_[static_cast<size_t>(row / width_)]; }
  bool as_transformers() const { return options_.rules() == GenerateRules::transformers; }
  /// Candidates that are looked at: as many may end and leave K to go on.
  int64_t looked_at() const {
    const auto count = int64_t(options_.end() >= 0) + std::ssize(options_.more_ends());
    return std::max<int64_t>(2, 1 + count) * options_.beam_size();
  }
  bool ends(const Growing& grown) const;
  bool is_free(const Line& line) const { return length_ >= int64_t(line.prefix.size()); }
  int64_t wanted() const {
    return options_.sample() ? options_.num_hypotheses() : options_.beam_size();
  }
  Possible candidates(NextTokens& next);
  void force(Line& line, const NextTokens& next, int64_t first, int64_t width);
  void extend(Line& line, const Possible& possible, int64_t first);
  void extend_beams(Line& line, const std::vector<Way>& ways, int64_t first,
                    std::vector<Growing>& live);
  void extend_as_transformers(Line& line, const std::vector<Way>& ways, int64_t first,
                              std::vector<Growing>& live);
  void close(Line& line, const std::vector<Growing>& live) const;
  void draw(Line& line, const Possible& possible, int64_t first, int64_t width);
  bool take(Line& line, std::vector<Growing>& live, int64_t first, const Growing& parent,
            int64_t row, const Candidate& candidate, bool counts);
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
