// Batches of pairs of texts for training and measuring models of sequences.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/cursor.h"
#include "heed/data/parallel_text.h"
#include "heed/data/tokenizer.h"

namespace heed::data {

inline constexpr int64_t kIgnoredLabel = -100;  ///< of a place that is no token

/// B pairs, x -> y. Places behind a sequence's length hold padding() of its tokenizer (0 where it
/// has none).
struct SequenceBatch {
  at::Tensor source;  ///< (B, Ls) int64: x .. </s>, or x .. without SequenceOptions::source_end
  at::Tensor source_lengths;  ///< (B) int64
  at::Tensor target;          ///< (B, Lt) int64: <s> y .., or what target_begin says
  at::Tensor labels;          ///< (B, Lt) int64: y .. </s>, kIgnoredLabel behind it
  at::Tensor target_lengths;  ///< (B) int64, of target and of labels
  at::Tensor indices;         ///< (B) int64: number of the pair in the corpus, from 0
};

struct SequenceOptions {
  int64_t tokens = 4096;            ///< B (Ls + Lt) is at most that; of a recipe: train.batch
  int64_t pairs = 0;                ///< B at most; 0: as many as fit
  int64_t max_source_length = 0;    ///< Ls at most; 0: any
  int64_t max_target_length = 0;    ///< Lt at most; 0: any
  bool skip_too_long = false;       ///< pairs that are longer: left out and counted, or an error
  bool skip_empty = false;          ///< pairs with a side without a token: the same
  bool source_end = true;           ///< sources end with </s>
  int64_t target_begin = -1;        ///< what targets begin with; -1: the <s> of their vocabulary
  int64_t shuffle_buffer = 100000;  ///< pairs that are sorted and shuffled among themselves
  int64_t memory = 1024;            ///< MiB that all token numbers may take to be kept
  bool shuffle = false;             ///< another order each epoch
  uint64_t seed = 0;                ///< of the order

  /// All but tokens, shuffle and seed, which a recipe says elsewhere (train.batch, seed).
  template <class Visitor>
  void fields(Visitor&& v) {
    v("pairs", pairs, "pairs of a batch at most; 0: as many as fit", between(0, kMostCount));
    v("max_source_length", max_source_length,
      "tokens of a source at most, its end included; 0: any", between(0, kMostLength));
    v("max_target_length", max_target_length,
      "tokens of a target at most, its end included; 0: any", between(0, kMostLength));
    v("skip_too_long", skip_too_long,
      "leave pairs that are longer out and say how many; otherwise they are an error");
    v("skip_empty", skip_empty,
      "leave pairs with an empty side out and say how many; otherwise they are an error");
    v("source_end", source_end, "sources end with </s>, as all that Heed trains; others may not");
    v("target_begin", target_begin,
      "number of the token that targets begin with, decoder_start_token_id of others; -1: <s>",
      between(-1, 1 << 24));
    v("shuffle_buffer", shuffle_buffer,
      "pairs that are sorted by length and shuffled among themselves", between(1, kMostCount));
    v("memory", memory, "MiB of token numbers that are kept; larger corpora are read every epoch",
      between(0, kMostCount));
  }
};

/// What a corpus holds, found when it is opened.
struct SequenceCounts {
  int64_t pairs = 0;  ///< in the batches of an epoch
  int64_t left_out_empty = 0, left_out_longer = 0;
  int64_t source_tokens = 0, target_tokens = 0;  ///< of `pairs`, ends included
};

/// One epoch:  while (auto batch = loader.next()) { ... }   Every pair comes once.
///
/// The corpus is taken in windows of `shuffle_buffer` pairs, in its own order. A window's pairs are
/// sorted by their lengths (target, then source) and cut into batches; with `shuffle`, which of
/// equally long pairs comes first and the order of the batches are drawn from (seed, epoch,
/// window), and from nothing else. So every epoch has as many batches, and a corpus that is larger
/// than memory is read as a stream, a window ahead on a background thread. Shuffle a file that is
/// sorted by topic before: windows are not mixed. Without `shuffle`, batches grow longer within a
/// window.
class SequenceLoader {
 public:
  /// Reads and encodes the corpus once, on all threads. Throws what its readers throw (DataError
  /// with file:line: an empty side; more tokens than allowed, with both counts; a pair that fits in
  /// no batch), DataError for a corpus of which no pair is left, UsageError that names the option,
  /// or a tokenizer without <s> or </s>.
  SequenceLoader(TextPairsPtr corpus, TokenizerPtr source, TokenizerPtr target,
                 const SequenceOptions& options);
  ~SequenceLoader();
  SequenceLoader(SequenceLoader&&) noexcept;
  SequenceLoader& operator=(SequenceLoader&&) noexcept;

  /// The next batch, or nothing at the end of the epoch (the call after that begins the next).
  /// Throws DataError where a corpus that is read again has changed; the cursor then stays.
  std::optional<SequenceBatch> next();

  /// Batches that were handed out. A loader of the same corpus and options that seeks there goes on
  /// with the same batches.
  Cursor cursor() const;
  /// Throws UsageError where the position is not within 0 .. batches().
  void seek(const Cursor& cursor);

  int64_t batches() const;  ///< of an epoch
  const SequenceCounts& counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Sequences side by side: (B, longest) int64 filled with `padding`, and their lengths (B) int64.
std::pair<at::Tensor, at::Tensor> pad_sequences(const std::vector<std::vector<int64_t>>& sequences,
                                                int64_t padding);

}  // namespace heed::data
