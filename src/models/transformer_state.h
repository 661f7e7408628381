// What the steps of a Transformer keep.
#pragma once

#include <vector>

#include "heed/models/sequence_model.h"
#include "heed/nn/multi_head_attention.h"

namespace heed::models {

struct TransformerState final : DecoderState {
  void reorder(const at::Tensor& index) override;
  int64_t batch() const override { return rows; }
  int64_t length() const override { return tokens; }

  int64_t rows = 0, tokens = 0;
  std::vector<nn::KeyValueCache> caches;  ///< a layer
  at::Tensor before;                      ///< (rows, n) the last tokens that lookback asks for
  std::vector<nn::KeyValues> source;      ///< a layer, of n sources; empty without an encoder
  at::Tensor lengths;                     ///< (n)
  std::vector<int64_t> line;              ///< which of the n sources each row has
  bool shares = false;                    ///< whether rows may look at one source's keys together

  /// Puts the tokens of a step, (rows, L), behind those that are kept, as far as they are looked back at.
  void keep(const at::Tensor& ids, const std::vector<int64_t>& lookback);

 private:
  void reorder_source(const std::vector<int64_t>& index);
  void select_source(const std::vector<int64_t>& index);
};

/// Sequences of a decoder alone that take a step together, whatever their lengths: TransformerImpl::step reads the tokens
/// (1, T) of all, one row's behind the other's.
struct TransformerRows final : DecoderState {
  struct Row {
    TransformerState* state;  ///< of one sequence
    int64_t tokens;           ///< that come
  };
  explicit TransformerRows(std::vector<Row> given) : rows(std::move(given)) {}
  void reorder(const at::Tensor&) override {}  // rows are named anew every step
  int64_t batch() const override { return 1; }
  int64_t length() const override { return 0; }

  std::vector<Row> rows;
};

/// The next rows' sources, if they stand beside each other, equally many rows each: one a run.
std::vector<int64_t> runs_of(const std::vector<int64_t>& line);

}  // namespace heed::models
