// Steps of sequences that are not equally long, taken together.
#pragma once

#include <torch/types.h>

#include <map>
#include <vector>

#include "heed/nn/multi_head_attention.h"
#include "nn/pages.h"

namespace heed::nn {

/// What a sequence has seen, what it writes from, and how many tokens of it come: there is room for them.
struct StepRow {
  const PageTable* own = nullptr;
  const PageTable* source = nullptr;  ///< null: there is none
  int64_t tokens = 0;
};

/// The sequences whose tokens stand one behind the other in x (1, T, M), all pages in one pool each.
class StepRows {
 public:
  /// While one lives, steps of this thread's attentions and blocks are of these sequences, in place of the cache and the
  /// source that they are given: each row sees its own and gets the bits that it gets alone. PageTable::advance() is the
  /// caller's, once all layers are done: a step that fails on its way has done nothing.
  explicit StepRows(std::vector<StepRow> rows);
  ~StepRows();
  StepRows(const StepRows&) = delete;
  StepRows& operator=(const StepRows&) = delete;

  /// What this thread is given; null: a cache.
  static StepRows* given() noexcept;

  /// Which layer of the pages comes.
  void at_layer(size_t layer) { layer_ = layer; }
  size_t layer() const { return layer_; }
  const std::vector<StepRow>& rows() const { return rows_; }
  int64_t tokens() const { return tokens_; }

  /// Keys and values (1, heads, length, width) of a row, copied: with the `more` that come, or of its source.
  KeyValues own(const StepRow& row, int64_t more) const;
  KeyValues source(const StepRow& row) const;
  /// k (1, G, L, D) and v (1, G, L, E) of the row's next tokens, into its pages.
  void write(const StepRow& row, const at::Tensor& k, const at::Tensor& v) const;

  /// cos and sin (T, pairs) float32 of where all tokens stand, made once a step; undefined for a position that changes more.
  struct Turns {
    at::Tensor cos, sin;
  };
  const Turns& turns(const OpSpec& rope, int64_t head_width);

 private:
  KeyValues gathered(const PageTable& table, int64_t tokens) const;

  std::vector<StepRow> rows_;
  int64_t tokens_ = 0;
  size_t layer_ = 0;
  std::vector<std::pair<OpSpec, Turns>> turns_;
  StepRows* outer_;
};

}  // namespace heed::nn
