// Why one query looked at one key.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/tasks/question.h"

namespace heed::lens {

/// The score of one query q and key k of a head, scale q . k, in parts. Where q = Wq x + bq and k = Wk z + bk, turned by
/// rotary positions or not, and Wq^T Wk = P S R^T (singular values), it is
///
///   scale (sum_r S_r (x . p_r)(z . r_r) + bq . k + (q - bq) . bk),
///
/// so that each r is a direction of the tokens' vectors that the query looks along and the key lies along (Elhage et al.
/// 2021, "A Mathematical Framework for Transformer Circuits").
struct Edge {
  std::string name;        ///< the attention's path
  int64_t head = 0;        ///< from 0
  std::string query, key;  ///< the tokens
  double weight = 0;       ///< of all that the query gives
  double score = 0;        ///< scale q . k
  at::Tensor channels;     ///< (D) float64: scale q_d k_d; their sum is the score
  at::Tensor directions =
      {};  ///< (D) float64, by singular value: scale S_r (x . p_r)(z . r_r); undefined: no linear layers
  at::Tensor along_query = {}, along_key = {};  ///< (D): x . p_r and z . r_r
  double biases = 0;                            ///< what they add; with the directions the score
  std::vector<std::string> beside;  ///< what else made the weight: "relative", "bias", "softcap"
};

/// `layer`: the number of an attention in the order of the calls, from 1; head, row and column from 1. Throws UsageError for
/// numbers that there are not, and for scores that are no dot products. Cost: a forward pass, O(M D^2).
Edge explain_edge(const Question& question, int64_t layer, int64_t head, int64_t row,
                  int64_t column);

}  // namespace heed::lens
