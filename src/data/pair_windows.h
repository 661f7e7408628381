// A corpus of pairs as token numbers, a window at a time.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "heed/data/sequence_loader.h"

namespace heed::data {

/// The pairs of one window, one after another.
class PairWindow {
 public:
  struct Lengths {
    int64_t source = 0, target = 0;  ///< as the model sees them, ends included
    bool operator==(const Lengths&) const = default;
  };

  void add(int64_t record, const std::vector<int64_t>& source, const std::vector<int64_t>& target);
  size_t size() const { return records_.size(); }
  void shrink();  ///< to the memory that it needs
  size_t bytes() const;
  int64_t record(size_t pair) const { return records_[pair]; }
  /// Token numbers without begin and end.
  std::pair<const int32_t*, int64_t> source(size_t pair) const { return side(2 * pair); }
  std::pair<const int32_t*, int64_t> target(size_t pair) const { return side(2 * pair + 1); }

 private:
  std::pair<const int32_t*, int64_t> side(size_t i) const {
    return {tokens_.data() + starts_[i], static_cast<int64_t>(starts_[i + 1] - starts_[i])};
  }
  std::vector<int32_t> tokens_;
  std::vector<size_t> starts_{0};
  std::vector<int64_t> records_;
};

using PairWindowPtr = std::shared_ptr<const PairWindow>;

struct PairCoders {
  TokenizerPtr source, target;
};

/// Lengths of a pair with this many tokens.
inline PairWindow::Lengths lengths_of(int64_t source, int64_t target,
                                      const SequenceOptions& options) {
  return {source + (options.source_end ? 1 : 0), target + 1};
}

/// Reads a corpus from its beginning.
class PairWindowReader {
 public:
  /// `parallel`: encode on all threads of the pool, which only the program's own thread may use.
  PairWindowReader(const TextPairs& corpus, PairCoders coders, SequenceOptions options,
                   bool parallel);

  /// The next `options.shuffle_buffer` pairs that are not left out, fewer at the end; null behind
  /// it, or where `stop` is set.
  PairWindowPtr next(const std::atomic<bool>& stop);

  /// Passes over pairs until `records` were read.
  void skip(int64_t records);

  int64_t records() const { return records_; }  ///< pairs read, those left out included
  const SequenceCounts& counts() const { return counts_; }

 private:
  struct Coded {
    TextPair text;
    std::vector<int64_t> source, target;
  };
  bool read_chunk(size_t most);
  /// Whether the pair is kept; counts it, or throws.
  bool take(const Coded& pair);

  std::unique_ptr<PairReader> reader_;
  PairCoders coders_;
  SequenceOptions options_;
  bool parallel_;
  int64_t records_ = 0;
  SequenceCounts counts_;
  std::vector<Coded> chunk_;
};

/// Batches of a window: the pairs of each, by their number in the window.
std::vector<std::vector<uint32_t>> plan_batches(const PairWindow& window,
                                                const SequenceOptions& options, int64_t epoch,
                                                int64_t number);

}  // namespace heed::data
