// What the steps of a Transformer keep.
#pragma once

#include <memory>
#include <vector>

#include "heed/models/sequence_model.h"
#include "heed/nn/multi_head_attention.h"
#include "nn/pages.h"

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

 private:
  void reorder_source(const std::vector<int64_t>& index);
  void select_source(const std::vector<int64_t>& index);
};

/// What one sequence among those that step together has seen, and the source that it writes from, if it has one.
struct TransformerText {
  nn::PageTable own;
  at::Tensor before;  ///< (1, n) the last tokens that lookback asks for
  std::shared_ptr<const nn::PageTable> source;
};

/// Sequences that take a step together, whatever their lengths: TransformerImpl::step reads the tokens (1, T) of all, one
/// row's behind the other's, rows of one token first. Their pages have room; a step that throws leaves all rows as they were.
struct TransformerRows final : DecoderState {
  struct Row {
    TransformerText* text;
    int64_t tokens;  ///< that come
  };
  explicit TransformerRows(std::vector<Row> given) : rows(std::move(given)) {}
  void reorder(const at::Tensor&) override {}  // rows are named anew every step
  int64_t batch() const override { return 1; }
  int64_t length() const override { return 0; }

  std::vector<Row> rows;
};

/// Pages of a Transformer's target, and of its source where it has one. Null for other models.
std::shared_ptr<nn::PagePool> pages_for(SequenceModel& model, int64_t bytes);
/// What start() made of source number n, in pages, for which there is room in the pool.
nn::PageTable source_pages(const std::shared_ptr<nn::PagePool>& pool, const TransformerState& state,
                           int64_t n);

/// Puts tokens, (rows, L), behind those before, (rows, n), as far as they are looked back at.
at::Tensor kept_before(const at::Tensor& before, const at::Tensor& ids,
                       const std::vector<int64_t>& lookback);

/// The next rows' sources, if they stand beside each other, equally many rows each: one a run.
std::vector<int64_t> runs_of(const std::vector<int64_t>& line);

}  // namespace heed::models
