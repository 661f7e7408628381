// Texts of many who come and go, written by one model: continuous batching (Yu et al. 2022, Orca).
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/choosing.h"
#include "models/transformer_state.h"

namespace heed::models {

/// A text that is asked for. Of `options` a search by one beam or one draw is taken, and prefixes and on_token are not.
struct Asked {
  std::vector<int64_t> prompt;  ///< at least one token; the first is what GenerateOptions calls <s>
  GenerateOptions options;
};

/// One more token of a text, or its end.
struct Written {
  int64_t id = 0;
  std::optional<int64_t> token = {};  ///< unset: the text is at its end without one
  double log_probability = 0;
  bool is_last = false;
  bool ended =
      false;  ///< with is_last: by an end token or a stop, which is then `token`; else it was cut
  std::string error = {};  ///< why it could not be written
};

struct ContinuousLimits {
  int64_t cache_bytes =
      int64_t{1} << 30;   ///< of keys and values of all texts, and of those that are kept for reuse
  int64_t rows = 64;      ///< texts that are written at a time
  int64_t prefill = 256;  ///< tokens of prompts that a step reads beside those that are written
};

/// A text joins at the next step for which there is room, in the order of join(), and leaves when it is at its end or when it
/// is told to. Memory for prompt and answer is reserved before a text begins, so none is stopped for lack of it; its pages are
/// touched as they are written. What a finished text has read stays as long as there is room: another that begins with the
/// same tokens does not read them again.
///
/// Every text has the bits that generate() gives it alone, whoever is written beside it, whenever they come and go.
/// A step of a decoder alone multiplies the tokens of all rows at once; other models are asked row by row. One thread.
class Continuous {
 public:
  Continuous(SequenceModelPtr model, const ContinuousLimits& limits);

  /// Bytes of keys and values of a text of so many tokens.
  int64_t bytes_of(int64_t tokens) const { return tokens * bytes_of_token_; }
  /// Throws UsageError for a prompt that is empty or has tokens that there are not, for options that search by several
  /// beams, and for a text that no memory or no position is left for.
  int64_t join(Asked asked);
  /// The text is gone before the next step; ids of others are as before. One that is gone already is none of them.
  void leave(int64_t id);
  /// One step of all texts that are written.
  std::vector<Written> step();

  int64_t running() const { return std::ssize(rows_); }
  int64_t waiting() const { return std::ssize(waiting_); }
  int64_t reserved_bytes() const { return reserved_; }
  int64_t reused_tokens() const { return reused_; }  ///< of prompts that were not read again

 private:
  struct Row {
    int64_t id = 0;
    Asked asked;
    Growing growing;  // tokens behind the first of the prompt
    int64_t limit = 0, least = 0, forced = 0, bytes = 0;
    std::optional<Random> random;
    std::unique_ptr<DecoderState> state;
    std::vector<int64_t> fed, pending;  // what the state has read, and what it is to read
  };
  struct Kept {
    std::vector<int64_t> tokens;
    std::unique_ptr<DecoderState> state;
    int64_t bytes = 0;
  };

  void admit();
  bool make_room(int64_t bytes);
  void begin(Row& row);
  void reuse(Row& row);
  void keep(Row& row);
  at::Tensor read(const std::vector<int64_t>& counts);
  Written choose(Row& row, at::Tensor logits);
  void penalise(const Row& row, at::Tensor& logits) const;

  SequenceModelPtr model_;
  ContinuousLimits limits_;
  Choices choices_;
  int64_t bytes_of_token_ = 0, reserved_ = 0, reused_ = 0, next_id_ = 1;
  std::list<Row> waiting_, rows_;
  std::list<Kept> kept_;  // the latest first
};

}  // namespace heed::models
