// What a word of the vocabulary does: its declaration, its readable formula on tensors, and its
// station in the tile pipeline. A word is one file src/ops/word_*.cc and one line in words.cc.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <tuple>

#include "heed/ops/attention.h"
#include "heed/ops/words.h"
#include "kernels/attend.h"

namespace heed::ops {

/// What a call brings beside q, k and v, checked and expanded; a formula sees the part of it that
/// belongs to its block of scores.
struct Scene {
  kernels::Sizes sizes;  ///< of the whole call
  int64_t offset = 0;    ///< position of query 0 among the keys
  int64_t row = 0;       ///< the query and the key where the block starts
  int64_t column = 0;
  at::Tensor lengths;    ///< (b) int64; undefined where not given, as the next two
  at::Tensor mask;       ///< (b, h, rows, columns) boolean, or in the dtype of the scores
  at::Tensor bias;       ///< (b, h, rows, columns) in the dtype of the scores
  at::Tensor grad_bias;  ///< in backward: as bias, zero at first; undefined: not wanted
};

template <class T>
using MakeMask = std::unique_ptr<kernels::Mask<T>> (*)(const Part&, const Scene&);
template <class T>
using MakeModifier = std::unique_ptr<kernels::Modifier<T>> (*)(const Part&, const Scene&);

/// Everything about one word; a kind uses the members that belong to it.
struct Definition {
  Word word;
  /// Throws UsageError with the reason when the part makes no sense in this attention.
  void (*check)(const Part&, const Attention&) = nullptr;

  // A score: q (b, h, r, D), k (b, h, c, D) -> (b, h, r, c); its factor in the kernel.
  at::Tensor (*scores)(const Part&, const at::Tensor& q, const at::Tensor& k) = nullptr;
  double (*scale)(const Part&, int64_t D) = nullptr;

  // A modifier or mask: scores (b, h, r, c) -> the same shape; its station.
  at::Tensor (*change)(const Part&, const Scene&, const at::Tensor& scores) = nullptr;
  std::tuple<MakeModifier<float>, MakeModifier<double>> modifier = {};
  std::tuple<MakeMask<float>, MakeMask<double>> mask = {};

  // A normalizer: scores -> weights (a row of -inf gives zeros); scores -> the number a row
  // (b, h, r); and the weights again from scores and that number.
  at::Tensor (*weights)(const at::Tensor& scores) = nullptr;
  at::Tensor (*rows)(const at::Tensor& scores) = nullptr;
  at::Tensor (*weights_from_rows)(const at::Tensor& scores, const at::Tensor& rows) = nullptr;
};

/// The definition of a known word.
const Definition& definition(const std::string& name);

/// Positions of the block's queries among the keys (r, 1) and of its keys (c), on that device.
at::Tensor query_positions(const Scene& scene, const at::Tensor& scores);
at::Tensor key_positions(const Scene& scene, const at::Tensor& scores);

}  // namespace heed::ops
