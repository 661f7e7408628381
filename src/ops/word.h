// What a word of the vocabulary does: its declaration, its readable formula on tensors, and its
// station in the tile pipeline. A word is one file src/ops/word_*.cc and one line in words.cc.
#pragma once

#include <limits>
#include <tuple>

#include "heed/ops/attention.h"
#include "heed/ops/score_mod.h"
#include "heed/ops/words.h"
#include "ops/pipeline.h"
#include "ops/scene.h"

namespace heed::ops {

/// The score of what a mask hides.
inline constexpr double kHidden = -std::numeric_limits<double>::infinity();

/// A tensor (H, ...) that the word learns; its full name is "word.name".
struct Learned {
  std::string name;
  std::vector<int64_t> (*shape)(const Part&, const kernels::Sizes&);
  bool (*present)(const Part&) = [](const Part&) { return true; };
  double (*mean)(const Part&) = [](const Part&) { return 0.0; };
  double (*std)(const kernels::Sizes&) = nullptr;  ///< null: 0
};

template <class T>
using MakeMask = std::unique_ptr<kernels::Mask<T>> (*)(const Part&, const Scene&);
template <class T>
using MakeModifier = std::unique_ptr<kernels::Modifier<T>> (*)(const Part&, const Terms&);
template <class T>
using Build = void (*)(const Part&, const Terms&, Pipeline<T>&);

/// Everything about one word; a kind uses the members that belong to it.
struct Definition {
  Word word;
  /// Throws UsageError with the reason when the part makes no sense in this attention.
  void (*check)(const Part&, const Attention&) = nullptr;
  std::vector<Learned> learned = {};
  /// Throws UsageError where the sizes of a call do not fit the part.
  void (*check_sizes)(const Part&, const Scene&) = nullptr;

  // The formula.
  /// A score: q (b, h, r, D), k (b, h, c, D) -> (b, h, r, c).
  at::Tensor (*scores)(const Part&, const Scene&, const at::Tensor& q,
                       const at::Tensor& k) = nullptr;
  /// A position that acts in scores, with the queries and keys that they came from. Positions
  /// without it act on inputs or on q and k before attend: nn's modules apply them.
  at::Tensor (*place)(const Part&, const Scene&, const at::Tensor& q, const at::Tensor& k,
                      const at::Tensor& scores) = nullptr;
  /// What a position adds to out (b, h, r, E), the weights' average of the values, or out.
  at::Tensor (*gather)(const Part&, const Scene&, const at::Tensor& weights,
                       const at::Tensor& out) = nullptr;
  /// A modifier or mask: scores (b, h, r, c) -> the same shape.
  at::Tensor (*change)(const Part&, const Scene&, const at::Tensor& scores) = nullptr;
  /// A modifier that acts on weights too, of all heads together.
  at::Tensor (*mix)(const Part&, const Scene&, const at::Tensor& weights) = nullptr;
  /// A normalizer: scores -> weights (a row of -inf gives zeros); scores -> the two numbers per row
  /// (2, b, h, r) of attend_with_row_stats; from these the one of attend_with_logsumexp (b, h,
  /// r); and the weights again from scores and the two numbers.
  at::Tensor (*weights)(const Part&, const Scene&, const at::Tensor& scores) = nullptr;
  at::Tensor (*row_stats)(const Part&, const Scene&, const at::Tensor& scores) = nullptr;
  at::Tensor (*logsumexp)(const Part&, const Scene&, const at::Tensor& row_stats) = nullptr;
  at::Tensor (*weights_from_row_stats)(const Part&, const Scene&, const at::Tensor& scores,
                                       const at::Tensor& row_stats) = nullptr;
  /// A weight depends on scores of other keys beside those: weights_from_row_stats needs all keys.
  bool whole_rows = false;

  // The kernel. A part for which there is none is computed by its formula, block by block.
  bool (*has_kernel)(const Part&) = nullptr;  ///< null: always, if the word has any station
  /// What the word does in O(L) work before the kernels, differentiable: changes q, k, v or adds
  /// operands.
  void (*lower)(const Part&, Terms&) = nullptr;
  std::tuple<Build<float>, Build<double>> build = {};  ///< a score, position or normalizer
  std::tuple<MakeModifier<float>, MakeModifier<double>> modifier = {};
  std::tuple<MakeMask<float>, MakeMask<double>> mask = {};
  /// A modifier that adds numbers which do not depend on the scores.
  bool adds = false;
  /// A word that a program registered.
  std::shared_ptr<const ScoreMod> own = {};
};

/// The definition of a known word, which lives as long as the process.
const Definition& definition(const std::string& name);

/// Makes the definition a known word; throws UsageError where its name is taken.
void add_definition(Definition definition);

/// All parts of an attention that act in attend, in the order in which they act, normalizer last.
/// They are those of `how`.
std::vector<const Part*> acting_parts(const Attention& how);
std::vector<const Part*> acting_parts(Attention&& how) = delete;

/// The numbers per row of a normalizer that needs none, 0; and the logsumexp that is the first of
/// them.
at::Tensor no_row_stats(const Part&, const Scene&, const at::Tensor& scores);
at::Tensor first_row_stat(const Part&, const Scene&, const at::Tensor& row_stats);

/// k or v (B, G, L, D) -> (B, H, L, D): each key-value head for its group of query heads.
at::Tensor for_each_head(const at::Tensor& kv, int64_t heads);

/// Scores of 0 (b, h, r, c), a product without channels: q and k have gradients, which are 0.
at::Tensor no_score(const at::Tensor& q, const at::Tensor& k);

/// The factor of a score dot or scaled_dot.
double dot_scale(const Part& part, int64_t D);

/// Shapes and deviations that words share: (H), (H, D), 1 / sqrt(D).
std::vector<int64_t> number_a_head(const Part&, const kernels::Sizes& sizes);
std::vector<int64_t> vector_a_head(const Part&, const kernels::Sizes& sizes);
double one_over_root_width(const kernels::Sizes& sizes);

/// Positions of the block's queries among the keys (r, 1) and of its keys (c), on that device.
at::Tensor query_positions(const Scene& scene, const at::Tensor& scores);
at::Tensor key_positions(const Scene& scene, const at::Tensor& scores);

}  // namespace heed::ops
