// All tokens of a record to one vector.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/nn/attention_pooling.h"

namespace heed::nn {

enum class PoolingKind { mean, max, first, last, attention, mean_sqrt, weighted_mean };
constexpr std::array<const char*, 7> words(PoolingKind) {
  return {"mean", "max", "first", "last", "attention", "mean_sqrt", "weighted_mean"};
}

struct PoolingOptions {
  TORCH_ARG(PoolingKind, kind) = PoolingKind::mean;
  TORCH_ARG(Attention, attention);  ///< of `attention`: see AttentionPooling

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind(),
      "how tokens become one vector; first: the class token, attention: a learned query, "
      "mean_sqrt: "
      "their sum by the root of their number, weighted_mean: the i-th counts i times");
    if (kind() == PoolingKind::attention)
      v("attention", attention(), "of the pool: score, normalizer, heads, merge, dropout");
  }
};

/// x (B, L, M), lengths (B) int64 or undefined (all L are real) -> (B, M), with n_b = lengths[b]:
///
///   mean       y_b = sum_{i < n_b} x_bi / n_b
///   mean_sqrt  y_b = sum_{i < n_b} x_bi / sqrt(n_b)
///   weighted_mean  y_b = sum_{i < n_b} (i + 1) x_bi / sum_{i < n_b} (i + 1)
///   max        y_bm = max_{i < n_b} x_bim; equal ones share the gradient
///   first      y_b = x_b0                     last   y_b = x_b,n_b-1
///   attention  nn::AttentionPooling with one query (module `attention`), started as that is
///
/// A record without tokens gives zeros, and gets zero gradient. What stands behind a length reaches
/// nothing, not even as NaN. Any floating dtype. Throws ModelError for an unknown kind or a width
/// that does not fit the attention's heads, UsageError for other shapes or lengths. Cost: one pass
/// over x; AttentionPooling's for attention.
class PoolingImpl : public torch::nn::Cloneable<PoolingImpl> {
 public:
  PoolingImpl(int64_t width, const PoolingOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const at::Tensor& lengths = {});

  int64_t width;  ///< M
  PoolingOptions options;
  AttentionPooling attention{nullptr};  ///< null for the other kinds
};
TORCH_MODULE(Pooling);

}  // namespace heed::nn
