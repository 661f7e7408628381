// Batches of a split: shuffled, of equally many examples, made ahead on background threads.
#pragma once

#include "data/prefetch.h"
#include "heed/tasks/input.h"

namespace heed {

/// Without lengths, and where options.mixed, the batches of an epoch are its order, cut. With lengths, windows of
/// kSortedBatches batches of that order are sorted by length and cut, and the batches of the epoch
/// are shuffled, so that little of a batch is padding. The order depends on (seed, epoch) alone.
class SplitBatches : public BatchSource {
 public:
  static constexpr int64_t kSortedBatches = 50;

  /// Throws UsageError for a batch or workers below 1, DataError for a split without examples.
  SplitBatches(SplitPtr split, const BatchOptions& options, int64_t workers);

  std::optional<Batch> next() override { return prefetch_->next(); }
  int64_t batches() const override { return prefetch_->batches(); }
  data::Cursor cursor() const override { return prefetch_->cursor(); }
  void seek(const data::Cursor& cursor) override {
    prefetch_->seek(cursor);
    if (cursor.position < split_->size()) plan(cursor.epoch, cursor.position);  // throws now
  }
  void take(const data::Share& share) override {
    prefetch_->seek(prefetch_->cursor());  // what was made ahead is dropped
    share_ = share;
  }

 private:
  /// The batches of an epoch behind its first `first` examples.
  data::Plan plan(int64_t epoch, int64_t first) const;
  data::Plan plan_by_length(std::vector<int64_t> order, int64_t epoch) const;
  std::vector<int64_t> order(int64_t epoch) const;

  SplitPtr split_;
  BatchOptions options_;
  data::Share share_;
  bool by_length_;
  std::unique_ptr<data::Prefetch<Batch>> prefetch_;
};

}  // namespace heed
