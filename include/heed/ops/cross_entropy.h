// The loss of a projection onto a vocabulary, without the logits of all rows.
#pragma once

#include <torch/types.h>

namespace heed {

struct CrossEntropyOptions {
  double label_smoothing = 0;  ///< e in [0, 1]: the part of the target that all V classes share
  int64_t ignore = -100;       ///< rows with this label count for nothing
  double softcap = 0;          ///< c: logits x become c tanh(x / c) (Gemma 2, 2024); 0: x as it is
};

struct CrossEntropy {
  at::Tensor loss;    ///< (): the smoothed losses, summed; dtype of hidden, with gradient
  double nll = 0;     ///< -log p(label), summed, without smoothing: exp(nll / count) is perplexity
  int64_t count = 0;  ///< rows that were not ignored
  int64_t right = 0;  ///< of these, rows whose label is the first of the largest logits
};

/// With logits x = hidden weight^T + bias, capped where that is asked for, and p = softmax(x), over rows i that are not ignored:
///
///   loss = sum_i (1 - e) (-log p[i, y_i]) + e / V sum_j (-log p[i, j])
///
/// Label smoothing as Szegedy et al. 2016 and PyTorch's cross_entropy have it (reduction "sum").
/// hidden (N, M), weight (V, M), bias (V) or undefined, labels (N) int64 in [0, V) or ignore;
/// float32 or float64 (under autocast hidden may have any dtype and takes weight's), any strides. N
/// may be 0. -inf logits have p = 0 (and an infinite loss where they are asked for); a row with a
/// NaN or +inf gives NaN. What an ignored row holds reaches nothing.
///
/// Rows are taken in chunks, so the logits of all rows are never there: extra memory is 8 MiB of
/// logits (48 rows where they need more) and 1 MiB of weight (64 classes) beside the gradients. As the gradient of a sum is known up
/// to the factor that comes from above, it is taken with the forward pass, while a chunk's logits
/// are at hand, and backward multiplies it by the factor: 2 N M V operations without gradient, 6 N
/// M V with those of hidden and weight. Second derivatives go through the formula. The same bits
/// for any number of threads.
///
/// Throws UsageError naming the argument; for a label out of range its row, the label and V.
CrossEntropy linear_cross_entropy(const at::Tensor& hidden, const at::Tensor& weight,
                                  const at::Tensor& bias, const at::Tensor& labels,
                                  const CrossEntropyOptions& options = {});

/// The readable formula: stores all logits, any device, differentiable any number of times. Same
/// arguments; with float64 tensors it is the reference of every test.
CrossEntropy linear_cross_entropy_reference(const at::Tensor& hidden, const at::Tensor& weight,
                                            const at::Tensor& bias, const at::Tensor& labels,
                                            const CrossEntropyOptions& options = {});

}  // namespace heed
