// Words from what they are made of: rows of one table for a word, its affixes and its n-grams.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"

namespace heed::nn {

/// Of the rows of a word's features.
enum class NgramReduction { mean, sum };
constexpr std::array<const char*, 2> words(NgramReduction) { return {"mean", "sum"}; }

struct NgramEmbeddingOptions {
  TORCH_ARG(int64_t, width) = 128;  ///< M
  TORCH_ARG(NgramReduction, reduction) = NgramReduction::mean;

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("width", width(), "channels of a word", between(1, kMostChannels));
    v("reduction", reduction(), "of the rows of a word's features");
  }
};

/// y[b, l] = the mean or sum over f of weight[ids[b, l, f]], where ids[b, l, f] is not -1; ids
/// (B, L, F) int64 of -1 .. R - 1, from data::WordFeatures -> (B, L, M). A word without features
/// gives zeros. With the word's own row and the hashed n-grams of its characters this is the input
/// of fastText (Bojanowski et al. 2017, "Enriching word vectors with subword information", which
/// sums; fastText's classifier takes the mean).
///
/// weight (R, M) starts normal with deviation 0.1 for mean and 0.02 for sum. float32 or float64.
/// The same bits, of gradients too, for any number of threads. Throws ModelError for options out of
/// range, UsageError for ids of another shape, dtype or range, naming the place. Cost: B L F M
/// additions, twice that with gradients. Tensors on other devices are computed on the CPU.
class NgramEmbeddingImpl : public torch::nn::Cloneable<NgramEmbeddingImpl> {
 public:
  NgramEmbeddingImpl(int64_t rows, const NgramEmbeddingOptions& options = {});
  void reset() override;
  at::Tensor forward(const at::Tensor& ids);

  int64_t rows;  ///< R
  NgramEmbeddingOptions options;
  at::Tensor weight;
};
TORCH_MODULE(NgramEmbedding);

}  // namespace heed::nn
