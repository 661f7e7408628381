// Windows of one long text, for language models.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/cursor.h"
#include "heed/data/tokenizer.h"

namespace heed::data {

/// The token numbers of a whole text, 4 bytes each.
using TokenStream = std::shared_ptr<const std::vector<int32_t>>;

/// Encodes a text line by line, on all threads. Where the tokenizer has a piece for the line feed
/// alone (characters, bytes), it follows each line; otherwise end() follows each line that has a
/// token, and others are passed over. Throws what `lines` and the tokenizer throw; DataError for a
/// text without a token; UsageError for a tokenizer that has neither.
TokenStream read_tokens(const Lines& lines, const Tokenizer& tokenizer);

/// B windows: a model sees tokens[:, :-1] and is to predict tokens[:, 1:].
struct WindowBatch {
  at::Tensor tokens;  ///< (B, L + 1) int64
  at::Tensor starts;  ///< (B) int64: where each window begins in the stream
};

struct WindowOptions {
  int64_t length = 256;  ///< L: predicted tokens of a window
  int64_t batch = 16;    ///< windows of a batch; the last of an epoch holds what is left
  bool shuffle = false;
  uint64_t seed = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("length", length, "tokens of a window that are predicted", between(1, kMostLength));
    v("batch", batch, "windows of a batch", between(1, kMostCount));
  }
};

/// One epoch:  while (auto batch = loader.next()) { ... }
///
/// A stream of N tokens has N - 1 that can be predicted. With `shuffle` (training) an epoch is n =
/// max(1, floor((N - 1) / L) - 1) windows that follow one another from an offset on, in another
/// order; offset (0 .. L - 1, as far as N allows) and order are drawn from (seed, epoch), and from
/// nothing else. So every epoch has as many batches, and what lies before the offset and behind the
/// last window (2 L tokens at most) waits for another epoch. Without `shuffle` (measuring) the
/// windows follow one another from 0 and every token but the first is predicted exactly once; what
/// is left is a shorter window, alone in the last batch.
class WindowLoader {
 public:
  /// Throws UsageError that names the option; DataError with both numbers for a stream of fewer
  /// than L + 1 tokens, or of fewer than 2 without `shuffle`.
  WindowLoader(TokenStream stream, const WindowOptions& options);

  /// The next batch, or nothing at the end of the epoch (the call after that begins the next).
  std::optional<WindowBatch> next();

  /// Batches that were handed out. A loader of the same stream and options that seeks there goes on
  /// with the same batches.
  Cursor cursor() const { return cursor_; }
  /// Throws UsageError where the position is not within 0 .. batches().
  void seek(const Cursor& cursor);

  int64_t batches() const;  ///< of an epoch
  int64_t tokens() const;   ///< that are predicted in an epoch

 private:
  int64_t whole_windows() const;  // of length L
  int64_t rest() const;           // predicted tokens of the shorter window, 0: there is none
  void draw();

  TokenStream stream_;
  WindowOptions options_;
  Cursor cursor_;
  int64_t drawn_ = -1;  // the epoch of offset_ and order_
  int64_t offset_ = 0;
  std::vector<uint32_t> order_;
};

}  // namespace heed::data
