// Pairs that belong together against the other pairs of a batch.
#pragma once

#include <torch/types.h>

namespace heed::nn {

struct ContrastiveOptions {
  double temperature = 0.05;  ///< T > 0
  bool cosine = true;         ///< scores are cosines; false: inner products
  bool symmetric = false;     ///< also from the targets to the queries, the two losses averaged
};

/// With scores s_ij = q_i . t_j / T (of unit vectors for cosine; a vector of zeros scores 0):
///
///   loss = 1/N sum_i -log( exp(s_ii) / sum_{j not a duplicate of i} exp(s_ij) )
///
/// queries (N, M); targets (C, M), C >= N: row i is the target of query i, and those behind N are
/// negatives of every query (hard negatives). InfoNCE (van den Oord et al. 2018); with the batch's
/// other targets as negatives, the multiple negatives ranking loss (Henderson et al. 2017). The
/// symmetric loss scores target i against all queries, too (Radford et al. 2021).
///
/// ids (C) int64 or undefined says which thing each target is: j is a duplicate of i, and no
/// negative of it, where j != i and ids_j = ids_i. A negative id is like no other.
///
/// -> the loss (), with gradient; 0 for N = 0. float32 or float64 (under autocast computed in
/// float32). Throws UsageError naming the argument. Cost: 2 N C M operations forward, three times
/// that with gradients; memory N C.
at::Tensor contrastive_loss(const at::Tensor& queries, const at::Tensor& targets,
                            const ContrastiveOptions& options = {}, const at::Tensor& ids = {});

}  // namespace heed::nn
