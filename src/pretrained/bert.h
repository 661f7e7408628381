// BERT (Devlin et al. 2019), and what its relatives have in common with it.
#pragma once

#include <string>

#include "pretrained/architecture.h"

namespace heed::pretrained {

struct BertConfig {
  int64_t vocabulary, width, layers, heads, hidden;
  int64_t embedding_width;  ///< of what stands before the blocks
  int64_t positions;        ///< rows of the table
  int64_t types;            ///< segments that are told apart
  std::string activation;
  double dropout, attention_dropout, head_dropout, eps;
};

/// What config.json's keys say; ends none.
BertConfig bert_config(Config& config);

/// [input] and [encoder] of such a model whose first text position has row `first_position`.
void add_bert_recipe(Plan& plan, Task task, const BertConfig& bert, int64_t first_position = 0);

/// The tensors of the encoder; their names begin with `prefix` ("bert." or nothing).
void add_bert_tensors(TensorTable& tensors, const BertConfig& bert, const std::string& prefix);

}  // namespace heed::pretrained
