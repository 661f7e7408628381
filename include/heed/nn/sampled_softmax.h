// The loss of a projection onto many classes, by a few of them.
#pragma once

#include <torch/types.h>

#include "heed/nn/negative_sampler.h"

namespace heed::nn {

struct SampledLoss {
  at::Tensor loss;    ///< (): summed over rows, with gradient
  int64_t count = 0;  ///< rows that were not ignored
};

/// With scores s_ij = hidden_i . weight_j + bias_j, the row's class y and the negatives' classes C:
///
///   loss = sum_i -log( exp(z_iy) / (exp(z_iy) + sum_{j in C, j != y} exp(z_ij)) )
///   z_ij = s_ij - log E_j,  E_j the probability that j is among the negatives
///
/// (sampled softmax with the logQ correction and without accidental hits: Jean et al. 2015; Yi et
/// al. 2019.) With all V classes as negatives it is the softmax's cross entropy. All rows share the
/// negatives; those of a step are sampler.draw(seed, step).
///
/// hidden (N, M), weight (V, M), bias (V) or undefined; labels (N) int64 in [0, V) or `ignore`.
/// float32 or float64. A row whose class is the only negative has loss 0. What an ignored row holds
/// reaches nothing. Gradients for hidden, weight and bias, any number of times; weight's is dense.
/// Throws UsageError naming the argument. Cost: 2 N M n operations forward, 6 N M n with gradients,
/// n <= S negatives; memory N n. (For the softmax over all classes: heed::linear_cross_entropy.)
SampledLoss sampled_softmax(const at::Tensor& hidden, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& labels,
                            const Negatives& negatives, const NegativeSampler& sampler,
                            int64_t ignore = -100);

/// Binary losses whose positive is calibrated for how few negatives there are (gBCE; Petrov &
/// Macdonald 2023, "gSASRec: reducing overconfidence in sequential recommendation trained with
/// negative sampling"):
///
///   loss = sum_i -( beta log sigmoid(s_iy) + sum_{j in C, j != y} log(1 - sigmoid(s_ij)) ) / (k +
///   1) beta = a (t (1 - 1 / a) + 1 / a),   a = n / (V - 1), at most 1;  k = the terms of the sum
///
/// for uniform negatives and a `calibration` t in [0, 1]: 0 is binary cross entropy, 1 makes
/// sigmoid(s) a probability. Arguments, promises and cost as above.
SampledLoss gbce(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                 const at::Tensor& labels, const Negatives& negatives, double calibration = 0.75,
                 int64_t ignore = -100);

}  // namespace heed::nn
