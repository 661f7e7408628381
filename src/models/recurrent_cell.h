// The formulas of one step of a cell, and the layer of both directions that reads a source.
#pragma once

#include "heed/models/recurrent.h"
#include "models/recurrent_state.h"

namespace heed::models {

/// A cell's weights, laid out for the steps of one call.
struct CellWeights {
  explicit CellWeights(const CellImpl& cell);

  bool lstm;
  at::Tensor joined;                      ///< [input, hidden] of an LSTM; undefined for rows alone
  at::Tensor input, hidden, hidden_bias;  ///< input undefined where there is no extra
};

/// given (B, g M) or (g M), extra (B, F) or undefined.
CellState advance(const CellWeights& weights, const at::Tensor& given, const at::Tensor& extra,
                  const CellState& before);

/// x (Ls, B, X); lengths (B).
ReadBothWays read_both_ways(const CellImpl& forward, const CellImpl& backward, const at::Tensor& x,
                            const at::Tensor& lengths);

}  // namespace heed::models
