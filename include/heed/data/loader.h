// Batches of images, shuffled, changed and normalised on background threads, the same on every
// run.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "heed/data/cursor.h"
#include "heed/data/dataset.h"
#include "heed/data/transform.h"

namespace heed::data {

struct Batch {
  at::Tensor images;   ///< (B, C, H, W) float32
  at::Tensor labels;   ///< (B) int64
  at::Tensor indices;  ///< (B) int64: the record's number in the dataset
};

struct LoaderOptions {
  /// Records of a batch; the last of an epoch holds what is left, none are dropped.
  int64_t batch = 128;
  bool shuffle = false;          ///< another order each epoch; otherwise 0, 1, 2 ..
  uint64_t seed = 0;             ///< of the order and of the random changes
  AugmentOptions augment = {};   ///< default: none
  Normalization normalize = {};  ///< must be filled in: given, or by `measure` of the training data
  int64_t workers = 1;           ///< background threads, each making whole batches ahead; >= 1
};

/// One epoch:  while (auto batch = loader.next()) { ... }
///
/// The order of an epoch depends on (seed, epoch) alone and what is changed in a record on (seed,
/// epoch, record) alone: not on the batch size, the number of workers, or what was read before.
class Loader {
 public:
  /// Throws UsageError that names the option; DataError for an empty dataset.
  Loader(Images dataset, const LoaderOptions& options);
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  /// The next batch, or nothing at the end of the epoch (the call after that begins the next).
  /// Throws what reading the batch's records threw; the cursor then stays before that batch.
  std::optional<Batch> next();

  /// What was handed out so far. A loader with the same dataset and options that seeks there goes
  /// on with the same bits.
  Cursor cursor() const;
  /// Throws UsageError where the position is not within 0 .. size of the dataset.
  void seek(const Cursor& cursor);

  /// Batches of a whole epoch: ceil(size / batch).
  int64_t batches() const;
  const ImageDataset& dataset() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace heed::data
