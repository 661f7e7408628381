// What a recurrent decoder keeps between steps.
#pragma once

#include <vector>

#include "heed/models/sequence_model.h"

namespace heed::models {

struct CellState {
  at::Tensor h, c;  ///< (B, M); c of an LSTM alone
};

struct RecurrentState final : DecoderState {
  void reorder(const at::Tensor& index) override;
  int64_t batch() const override { return static_cast<int64_t>(line.size()); }
  int64_t length() const override { return tokens; }

  int64_t tokens = 0;
  std::vector<CellState> layers;
  at::Tensor fed;                    ///< (B, M): hidden of the step before, of luong
  at::Tensor keys, values, lengths;  ///< of n sources
  std::vector<int64_t> line;         ///< which of the n sources each row has
  bool shares = false;               ///< whether rows may look at one source's keys together
};

}  // namespace heed::models
