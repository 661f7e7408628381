// Pieces of text, or categories, that a model has no number for: it reads all of them as one.
#pragma once

#include <map>
#include <string>

#include "tasks/cell.h"

namespace heed {

class UnknownPieces {
 public:
  /// Adds the pieces of a batch of the split. O(its pieces).
  void add(const Cell& cell, const Split& split, const Batch& batch);

  struct Count {
    int64_t pieces = 0, unknown = 0;
    std::string first = {};  ///< place of an example with an unknown one
  };
  /// By what they are: "pieces of text", "cells of categories".
  const std::map<std::string, Count>& counts() const { return counts_; }
  /// "12 of 340 pieces of text are unknown to the model (3.5 %), the first in test.csv:3"; empty
  /// where none is.
  std::string note() const;
  /// Throws DataError where more than data.max_unknown of one kind are unknown.
  void check(const Cell& cell) const;

 private:
  void add(const at::Tensor& numbers, const PieceNumbers& which, const Split& split,
           const Batch& batch);

  std::map<std::string, Count> counts_;
};

/// Those of all examples that are measured.
UnknownPieces unknown_pieces(const Cell& cell, const SplitPtr& split);

}  // namespace heed
