// Pieces of text that a model has no number for: it reads all of them as one.
#pragma once

#include "tasks/cell.h"

namespace heed {

class UnknownPieces {
 public:
  /// Adds the pieces of a batch of the split. O(its pieces).
  void add(const Cell& cell, const Split& split, const Batch& batch);

  int64_t pieces() const { return pieces_; }
  int64_t unknown() const { return unknown_; }
  /// "12 of 340 pieces of text are unknown (3.5 %), the first in test.csv:3"; empty where none is.
  std::string note() const;
  /// Throws DataError where more than data.max_unknown of them are unknown.
  void check(const Cell& cell) const;

 private:
  void add(const at::Tensor& numbers, const PieceNumbers& which, const Split& split,
           const Batch& batch);

  int64_t pieces_ = 0, unknown_ = 0;
  std::string first_;  // place of an example with one
};

/// Those of all examples that are measured.
UnknownPieces unknown_pieces(const Cell& cell, const SplitPtr& split);

}  // namespace heed
