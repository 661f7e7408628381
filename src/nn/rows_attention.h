// Attention of sequences that step together, on their pages and without a tensor.
#pragma once

#include "nn/step_rows.h"

namespace heed::nn {

/// What is attended of projected queries, keys and values, and where it goes.
struct RowsProjected {
  const float*
      projected;  ///< (T, stride): queries H D, of one's own keys G D and values G E behind them
  int64_t stride;
  float* turned;  ///< (T, H D + G D), to work in; of rope alone
  float* seen;    ///< (T, H E)
  float* stats;   ///< (2, T, H), to work in
};

/// Whether the rows can attend so: in pages of float32, turned by what StepRows::turns() knows.
bool rows_can_attend(const MultiHeadAttentionImpl& attention, StepRows& rows);

/// The keys and values of the next tokens join the pages; every token sees those up to its own. For attentions of softmax of scaled
/// products with a causal mask, and rope or no position.
void attend_rows_to_own(const MultiHeadAttentionImpl& attention, StepRows& rows,
                        const RowsProjected& at);
/// Every token sees its row's source.
void attend_rows_to_source(const MultiHeadAttentionImpl& attention, const StepRows& rows,
                           const RowsProjected& at);

}  // namespace heed::nn
